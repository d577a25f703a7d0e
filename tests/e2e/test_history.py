"""What was typed in this session and in earlier ones can be asked for, whatever becomes of the file that holds it."""

import pytest

import client


def history(kernel, access, **options):
    """The rows that a front end gets."""
    reply = kernel.ask("history_request", {"hist_access_type": access, "raw": True, "output": False, **options}).reply
    assert reply["status"] == "ok", reply
    return reply["history"]


def end(kernel):
    kernel.settle()
    kernel.shutdown()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "history.sqlite"


def test_the_history_of_a_session(kernel):
    assert history(kernel, "tail", n=5) == []
    kernel.ok("let a = 1;")
    kernel.ok("a + 1")
    kernel.fails("nonsense")
    kernel.run("a + 2", silent=True)
    kernel.ok("a + 3", store_history=False)
    kernel.ok("a + 1\n\n")
    kernel.ok(" \n")
    lines = ["let a = 1;", "a + 1", "nonsense", "a + 1"]
    session = history(kernel, "tail", n=1)[0][0]
    assert session > 0
    assert history(kernel, "tail", n=1000) == [[session, number, line] for number, line in enumerate(lines, 1)]
    assert history(kernel, "tail", n=2, output=True) == [[session, 3, ["nonsense", ""]], [session, 4, ["a + 1", "2"]]]
    assert history(kernel, "range", session=0, start=1, stop=3) == [[0, 1, "let a = 1;"], [0, 2, "a + 1"]]
    assert history(kernel, "range", session=0, start=0, stop=None, output=True)[1] == [0, 2, ["a + 1", "2"]]
    assert history(kernel, "search", pattern="a*") == [[session, 2, "a + 1"], [session, 4, "a + 1"]]
    assert history(kernel, "search", pattern="a*", unique=True, n=5) == [[session, 4, "a + 1"]]
    # Only what is asked for has to be said.
    assert kernel.ask("history_request", {}).reply["history"] == history(kernel, "tail", n=10)
    assert kernel.ask("history_request", {"hist_access_type": "all"}).reply["status"] == "error"


def test_a_running_cell_is_in_the_history(kernel):
    request = kernel.submit('println!("go"); sleep(60).await;')
    kernel.printed(request, "go\n")
    kernel.interrupt()
    kernel.done(request)
    assert history(kernel, "tail", n=1)[0][2].endswith("sleep(60).await;")


def test_later_sessions_find_what_earlier_ones_typed(start, file):
    environment = {"BOUCLE_HISTORY": str(file)}
    first = start(env=environment)
    assert not file.exists(), "nothing was typed yet"
    first.ok("1 + 1")
    first.ok('println!("é 🦀")')
    # A kernel that is still running shares the file.
    second = start(env=environment)
    second.ok("2 + 2")
    end(first)
    end(second)
    third = start(env=environment)
    assert history(third, "tail", n=9, output=True) == [[1, 1, ["1 + 1", "2"]], [1, 2, ['println!("é 🦀")', ""]], [2, 1, ["2 + 2", "4"]]]
    assert history(third, "range", session=-1, start=1) == [[2, 1, "2 + 2"]]
    third.ok("3")
    assert history(third, "range", session=-2, start=2) == [[1, 2, 'println!("é 🦀")']]
    end(third)
    assert file.stat().st_mode & 0o777 in (0o600, 0o644) and file.parent.stat().st_mode & 0o777 == 0o700


def test_what_was_typed_survives_a_killed_kernel(start, file):
    environment = {"BOUCLE_HISTORY": str(file)}
    killed = start(env=environment)
    killed.ok("41 + 1")
    assert history(killed, "tail", n=1, output=True) == [[1, 1, ["41 + 1", "42"]]]
    killed.manager.provisioner.process.kill()
    killed.manager.provisioner.process.wait(client.LIMIT)
    again = start(env=environment)
    assert history(again, "tail", n=1, output=True) == [[1, 1, ["41 + 1", "42"]]]
    end(again)


def test_without_a_setting_it_is_in_the_folder_for_state(start, tmp_path):
    kernel = start(env={"BOUCLE_HISTORY": "", "XDG_STATE_HOME": str(tmp_path)})
    kernel.ok("1")
    end(kernel)
    assert (tmp_path / "boucle/history.sqlite").exists()


@pytest.mark.parametrize("damage", ["no database", "a folder", "no folder can be made there"])
def test_a_file_that_cannot_be_used_costs_a_line_in_the_log(start, file, damage):
    if damage == "a folder":
        file.mkdir(parents=True)
    elif damage == "no database":
        file.parent.mkdir()
        file.write_text("precious" * 1000)
    else:
        file.parent.write_text("a file in the way")
    kernel = start(env={"BOUCLE_HISTORY": str(file)})
    assert kernel.ok("1 + 1").value == "2"
    kernel.ok("2")
    assert [line for _, _, line in history(kernel, "tail", n=5)] == ["1 + 1", "2"]
    end(kernel)
    log = kernel.log.read_text()
    assert log.count("cannot use the history") == 1 and str(file) in log and "BOUCLE_HISTORY" in log
    if damage == "no database":
        assert file.read_text() == "precious" * 1000
