"""What ``--debug`` and ``HERMES_LOG`` show of the wire: each call, and no secret."""

import http.server
import json
import logging
import subprocess
import sys
import threading

import pytest

from hermes_cfn.aws import clients
from hermes_cfn.aws.calls import AwsError

CANARY = "CANARY-0123456789"


class Handler(http.server.BaseHTTPRequestHandler):
    """Systems Manager that fails once, then answers; what it does not know it refuses."""

    failed = False

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        if operation == "GetParameter" and not type(self).failed:
            type(self).failed = True
            return self.answer(500, {"__type": "InternalServerError"})
        if operation == "GetParameter":
            value = {"Name": "/x", "Type": "SecureString", "Value": CANARY, "Version": 1}
            return self.answer(200, {"Parameter": value})
        return self.answer(400, {"__type": "AccessDeniedException", "message": "no"})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-amzn-RequestId", "7a62c49f-347e-4fc4-9331-6e8e1234abcd")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    Handler.failed = False
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield clients.connect(None, "eu-south-2", f"http://127.0.0.1:{server.server_port}", ("AKIATEST", "secret-key"))
    server.shutdown()
    server.server_close()


def test_a_call_that_was_tried_again_is_one_line_with_its_request_id(aws, caplog):
    with caplog.at_level(logging.DEBUG, "hermes_cfn"):
        aws.ssm.parameter("/x")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "hermes_cfn.aws.wire_log"]
    fields = dict(word.split("=", 1) for word in line.split()[1:])
    assert fields.pop("ms").isdigit()
    assert fields == {
        "service": "ssm",
        "operation": "GetParameter",
        "region": "eu-south-2",
        "retries": "1",
        "request": "7a62c49f-347e-4fc4-9331-6e8e1234abcd",
        "code": "200",
    }


def test_a_refusal_has_its_error_code_and_no_answer_at_all_its_exception(aws, caplog):
    nobody = clients.connect(None, "eu-south-2", "http://127.0.0.1:9", ("AKIATEST", "secret-key"), hurried=True)
    with caplog.at_level(logging.DEBUG, "hermes_cfn"):
        with pytest.raises(AwsError):
            aws.calls("ssm").describe_parameters()
        with pytest.raises(AwsError):
            nobody.calls("ssm").describe_parameters()
    codes = [r.getMessage().rpartition("code=")[2] for r in caplog.records if r.name == "hermes_cfn.aws.wire_log"]
    assert codes == ["AccessDeniedException", "EndpointConnectionError"]


def test_neither_answers_nor_keys_are_logged(aws, caplog):
    with caplog.at_level(logging.DEBUG, "hermes_cfn"):
        assert aws.calls("ssm").get_parameter(Name="/x")["Parameter"]["Value"] == CANARY
    assert "GetParameter" in caplog.text
    assert CANARY not in caplog.text and "secret-key" not in caplog.text


@pytest.mark.parametrize(("level", "shown"), [("", False), ("debug", True), ("warning", False), ("yes", True)])
def test_the_environment_switches_it_on_for_whoever_imports_the_product(aws, level, shown):
    endpoint = aws.endpoint_url
    program = (
        "from hermes_cfn.aws import clients\n"
        f"print(clients.connect(None, 'eu-south-2', {endpoint!r}, ('AKIATEST', 'x')).ssm.parameter('/x').version)"
    )
    done = subprocess.run([sys.executable, "-c", program], env={"HERMES_LOG": level}, capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr
    assert ("operation=GetParameter" in done.stderr) is shown
    assert CANARY not in done.stderr
