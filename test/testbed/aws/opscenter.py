"""A loopback AWS endpoint for SSM OpsCenter: each request is checked against botocore's own service model.

opscenter.py PORT; GET / returns what was accepted."""
import json
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
from botocore.validate import ParamValidator

MODEL = botocore.session.get_session().get_service_model("ssm")
PREFIX = MODEL.metadata["targetPrefix"] + "."
GOT = []
DEDUP = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body, kind="application/x-amz-json-1.1"):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("x-amzn-requestid", str(uuid.uuid4()))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply(200, GOT, "application/json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        target = self.headers.get("x-amz-target", "")
        if not self.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            return self.reply(400, {"__type": "MissingAuthenticationToken", "message": "no SigV4 header"})
        if target == PREFIX + "DescribeOpsItems":
            return self.reply(200, {"OpsItemSummaries": []})
        if target != PREFIX + "CreateOpsItem":
            return self.reply(400, {"__type": "UnknownOperationException", "message": target})
        item = json.loads(body)
        shape = MODEL.operation_model("CreateOpsItem").input_shape
        problems = ParamValidator().validate(item, shape)
        extra = set(item) - set(shape.members)
        sizes = [f"{k} longer than {shape.members[k].metadata['max']}" for k, v in item.items()
                 if isinstance(v, str) and k in shape.members and len(v) > shape.members[k].metadata.get("max", len(v))]
        if problems.has_errors() or extra or sizes:
            text = "; ".join(filter(None, [problems.generate_report(), *map(str, extra), *sizes]))
            return self.reply(400, {"__type": "OpsItemInvalidParameterException", "message": text})
        if len(json.dumps(item.get("OperationalData", {}))) > 20480:
            return self.reply(400, {"__type": "OpsItemLimitExceededException", "message": "OperationalData over 20 KB"})
        dedup = item.get("OperationalData", {}).get("/aws/dedup", {}).get("Value")
        if dedup is not None and dedup in DEDUP:
            return self.reply(400, {"__type": "OpsItemAlreadyExistsException", "OpsItemId": DEDUP[dedup],
                                    "message": "an open OpsItem with this dedup string exists"})
        name = f"oi-{uuid.uuid4().hex[:12]}"
        if dedup is not None:
            DEDUP[dedup] = name
        GOT.append(item)
        self.reply(200, {"OpsItemId": name})

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
