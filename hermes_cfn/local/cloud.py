"""The cloud itself: its clock, its services, its fleet, and who answers which request."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hermes_cfn.local import wire
from hermes_cfn.local.clients import Clients
from hermes_cfn.local.clock import ServiceClock
from hermes_cfn.local.moto_side import MotoSide
from hermes_cfn.local.options import Options
from hermes_cfn.local.wire import Call, HttpRequest, HttpResponse, Service, ServiceError

log = logging.getLogger("hermes.local")


class Cloud:
    """One embedded cloud: ``handle`` answers any request to its endpoint."""

    def __init__(self, directory: Path, options: Options, endpoint: str, end: Callable[[], None]) -> None:
        self.directory = directory
        self.options = options
        self.endpoint = endpoint
        self.clock = ServiceClock(options.speed, patience=options.patience)
        self.clients = Clients(endpoint)
        self.moto = MotoSide(endpoint.removeprefix("http://"))
        self.services: dict[str, Service] = {}
        self._end = end
        self._mount()

    def _mount(self) -> None:
        if importlib.util.find_spec("hermes_cfn.local.cloudformation") is not None:
            from hermes_cfn.local.cloudformation.service import CloudFormation

            self.services["cloudformation"] = CloudFormation(self.clients, self.clock, self.directory)

    def start(self) -> None:
        """Starts what has to run from the beginning."""

    def stop(self) -> None:
        """Ends every process of the cloud."""

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answers one request: the control side, a service of our own, or moto."""
        if request.path.startswith("/_hermes/"):
            return self._control(request)
        call = wire.caller(request)
        action = wire.operation_name(call.service, request) if call.service else ""
        service = self.services.get(call.service)
        if service is None:
            return self.moto.handle(request)
        return self._own(service, call, action, request)

    def _own(self, service: Service, call: Call, action: str, request: HttpRequest) -> HttpResponse:
        token = wire.CALL.set(call)
        try:
            result: dict[str, Any] | ServiceError = service.handle(action, wire.parse(call.service, action, request))
        except ServiceError as error:
            result = error
        except Exception as problem:
            log.exception("%s %s", call.service, action)
            result = ServiceError("InternalFailure", f"{type(problem).__name__}: {problem}", 500)
        finally:
            wire.CALL.reset(token)
        return wire.serialise(call.service, action, result)

    def _control(self, request: HttpRequest) -> HttpResponse:
        what = request.path.removeprefix("/_hermes/")
        body = json.loads(request.body) if request.body else {}
        try:
            status, result = 200, self._controlled(what, body)
        except ServiceError as error:
            status, result = error.status, {"code": error.code, "message": error.message}
        return HttpResponse(status, {"Content-Type": "application/json"}, json.dumps(result, default=str).encode())

    def _controlled(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        if what == "status":
            return self.status()
        if what == "stop":
            self._end()
            return {}
        if what == "clock":
            return {"now": self.clock.advance(float(body.get("advance_s", 0))).isoformat()}
        raise ServiceError("UnknownControl", f"The embedded cloud has no control {what!r}.", 404)

    def status(self) -> dict[str, Any]:
        """What :class:`hermes_cfn.local.control.Status` shows, without ``running``."""
        import os

        return {
            "endpoint": self.endpoint,
            "pid": os.getpid(),
            "now": self.clock.now().isoformat(),
            "addresses": str(self.options.addresses),
            "speed": self.clock.speed,
            "load_balancers": {},
            "instances": {},
            "database": "",
        }
