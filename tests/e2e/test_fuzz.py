"""Whatever is sent to its ports, a kernel goes on: fuzz.py for some seconds, each time the same. By hand it runs as long as one likes."""

import pytest

from fuzz import Fuzzer


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed, options", [(1, {}), (7, {"transport": "ipc"}), (3, {"transport_encryption": "required"}), (5, {"transport": "ipc", "transport_encryption": "required"})])
def test_garbage_and_malformed_messages_do_no_harm(start, tmp_path, monkeypatch, seed, options):
    monkeypatch.chdir(tmp_path)  # a path for a Unix socket must be short
    kernel = start(env={"BOUCLE_LOG": "boucle=error"}, **options)
    print(Fuzzer(kernel, seed).run(seconds=8))
    kernel.shutdown()
