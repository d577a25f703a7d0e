"""Whatever is sent to its ports, a kernel goes on: fuzz.py for some seconds, each time the same. By hand it runs as long as one likes."""

import pytest

from fuzz import Fuzzer


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 7])
def test_garbage_and_malformed_messages_do_no_harm(start, seed):
    kernel = start(env={"BOUCLE_LOG": "boucle=error"})
    print(Fuzzer(kernel, seed).run(seconds=8))
    kernel.shutdown()
