/// The token server: Python has an HTTP server in its standard library, and openssl signs.
enum TokenServerScript {
    static let text = #"""
        import base64, http.server, json, socketserver, ssl, subprocess, sys, time, urllib.parse

        settings = json.loads(sys.argv[1])
        x5c = "".join(open(settings["certificate"]).read().split("\n")[1:-2])

        def b64(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        def token(service, scopes, subject):
            access = []
            for scope in scopes:
                kind, name, actions = scope.split(":", 1)[0], scope.split(":", 1)[1].rsplit(":", 1)[0], scope.rsplit(":", 1)[1]
                granted = [action for action in actions.split(",") if action in settings["actions"]]
                access.append({"type": kind, "name": name, "actions": granted})
            now = int(time.time())
            header = {"typ": "JWT", "alg": "RS256", "x5c": [x5c]}
            claims = {"iss": settings["issuer"], "sub": subject, "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now,
                      "jti": str(time.time_ns()), "access": access}
            signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
            signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", settings["key"]], input=signed.encode(),
                                       capture_output=True, check=True).stdout
            return signed + "." + b64(signature)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                user = self.record({})
                allowed = not settings["users"] or (user and settings["users"].get(user.split(":", 1)[0]) == user.split(":", 1)[1])
                self.reply(allowed, query.get("service", [""])[0], query.get("scope", []), (user or "").split(":", 1)[0])

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                form = {name: values[0] for name, values in urllib.parse.parse_qs(body).items()}
                self.record(form)
                if settings["postStatus"] != 200:
                    return self.send(settings["postStatus"], {"errors": []})
                self.reply(form.get("refresh_token") in settings["identityTokens"], form.get("service", ""),
                           form.get("scope", "").split(), "identity")

            def record(self, form):
                header = self.headers.get("Authorization", "")
                user = base64.b64decode(header[6:]).decode() if header.startswith("Basic ") else None
                with open(settings["log"], "a") as log:
                    log.write(json.dumps({"method": self.command, "target": self.path, "basic": user, "form": form}) + "\n")
                return user

            def reply(self, allowed, service, scopes, subject):
                if not allowed:
                    return self.send(401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]})
                value = token(service, scopes, subject)
                answer = {field: value for field in settings["fields"]}
                if settings.get("expiresIn") is not None:
                    answer["expires_in"] = settings["expiresIn"]
                self.send(200, answer)

            def send(self, status, document):
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def server_bind(self):
                # Without the look-up of the machine's own name that the standard library does here.
                socketserver.TCPServer.server_bind(self)
                self.server_name, self.server_port = self.server_address[:2]

        server = Server(("127.0.0.1", 0), Handler)
        if settings.get("tlsChain"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(settings["tlsChain"], settings["tlsKey"])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
        server.serve_forever()
        """#
}
