"""The service as processes of its own: workers, figures, SIGTERM."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import sk_inceptionxml
from sk_inceptionxml.exceptions import ModelFormatError
from sk_inceptionxml.serve import run

SCRIPT = """
import sys
from sk_inceptionxml.serve import Settings, run
if __name__ == "__main__":
    settings = Settings(drain_seconds=0.5, device="cpu")
    run({"toys": sys.argv[1]}, port=int(sys.argv[2]), workers=int(sys.argv[3]), settings=settings)
"""


def get(port, path, timeout=5):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Asking(threading.Thread):
    """Asks again and again on one connection, until the service closes it after an answer."""

    def __init__(self, port):
        super().__init__()
        self.port, self.statuses, self.lost, self.over = port, [], [], threading.Event()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body, kind = json.dumps({"texts": ["red boat", "blue kite"]}), "application/json"
        try:
            while not self.over.is_set():
                connection.request("POST", "/v1/predict", body, {"Content-Type": kind})
                answer = connection.getresponse()
                answer.read()
                self.statuses.append(answer.status)
                if answer.headers["connection"] == "close":
                    return
        except (OSError, http.client.HTTPException) as error:
            self.lost.append(repr(error))
        finally:
            connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_answer_and_sigterm_loses_nothing(model_dir, tmp_path, workers):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = tmp_path / "serve_toys.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(model_dir), str(port), str(workers)]
    here = os.environ | {"PYTHONPATH": str(Path(sk_inceptionxml.__file__).parents[1])}
    service = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=here)
    asking = [Asking(port) for _ in range(3)]
    try:
        wait_until_ready(service, port)
        for thread in asking:
            thread.start()
        time.sleep(1)
        assert answered(port) > 0
        service.send_signal(signal.SIGTERM)
        if workers == 1:
            time.sleep(0.2)
            assert get(port, "/readyz")[0] == 503  # and still it answers
        for thread in asking:
            thread.join(20)
        assert service.wait(20) in (0, -signal.SIGTERM)
    finally:
        for thread in asking:
            thread.over.set()
        service.kill()
        service.wait()
    assert [thread.lost for thread in asking] == [[]] * 3
    assert {status for thread in asking for status in thread.statuses} == {200}


def wait_until_ready(service, port):
    for _ in range(600):
        try:
            if get(port, "/readyz")[0] == 200:
                return
        except OSError:
            pass
        assert service.poll() is None, "the service has not started"
        time.sleep(0.1)
    pytest.fail("the service is not ready after a minute")


def answered(port):
    """Requests of all workers together, which is the same whoever is asked."""
    counts = []
    for _ in range(6):
        page = get(port, "/metrics")[1]
        found = re.search(r'requests_total\{path="/v1/predict",status="200"\} (\S+)', page)
        counts.append(float(found[1]) if found else 0.0)
    assert counts == sorted(counts)  # they only rise: no worker tells of itself alone
    return counts[-1]


def test_what_is_no_model_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(ModelFormatError, match="not a directory|missing"):
        run({"toys": tmp_path / "nothing"}, workers=2)
