"""A hub on this machine: the few calls of the Hugging Face hub that pushing and pulling a model repository needs."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

COMMIT = "c" * 40


class Hub(BaseHTTPRequestHandler):
    """One server holds `repositories`: {name: {path: content}}."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _send(self, content, status=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _missing(self):
        self._send({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")

    def do_POST(self):
        body, path = self._body(), urlparse(self.path).path
        if self.headers.get("Authorization") != "Bearer hf_test":
            return self._send({"error": "no token"}, 401)
        if path == "/api/validate-yaml":
            return self._send({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            self.server.repositories.setdefault(name, {})
            return self._send({"url": f"{self.server.address}/{name}", "name": name})
        _, _, _, owner, name, what, *_ = path.split("/")
        files = self.server.repositories[f"{owner}/{name}"]
        if what == "preupload":
            asked = json.loads(body)["files"]
            return self._send(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]}
            )
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            elif entry["key"] == "deletedFile":
                del files[entry["value"]["path"]]
        url = f"{self.server.address}/{owner}/{name}/commit/{COMMIT}"
        return self._send({"commitUrl": url, "commitOid": COMMIT, "success": True})

    def do_GET(self):
        parts = unquote(urlparse(self.path).path).strip("/").split("/")
        if parts[0] == "api":
            name = "/".join(parts[2:4])
            if name not in self.server.repositories:
                return self._missing()
            files = self.server.repositories[name]
            if parts[4:5] == ["tree"]:
                return self._send(
                    [{"type": "file", "path": p, "size": len(c), "oid": _oid(c)} for p, c in files.items()]
                )
            return self._send({"id": name, "sha": COMMIT, "siblings": [{"rfilename": path} for path in files]})
        content = self.server.repositories["/".join(parts[:2])]["/".join(parts[4:])]
        return self._send(content, ETag=f'"{_oid(content)}"', X_Repo_Commit=COMMIT)

    do_HEAD = do_GET


def _oid(content):
    return hashlib.sha1(content).hexdigest()


@contextmanager
def fake_hub():
    """Run a hub for as long as the block lasts; its `address` is what HF_ENDPOINT takes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.repositories, server.address = {}, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
