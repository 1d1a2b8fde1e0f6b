import Glibc
import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("Callbacks of the program")
    struct CallbackTests {
        private static let key = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

        @Test("whoever asked is called back with the build, signed, and no log shows where")
        func delivered() async throws {
            try await Scene.play { scene in
                let receiver = try await Receiver(key: Self.key)
                defer { receiver.close() }
                let secret = "\(scene.directory)/callback"
                try Scene.write("\(Self.key)\n", to: secret)
                let service = try await scene.service([
                    "CALLBACK_ALLOWED_HOSTS": "http://127.0.0.1:\(receiver.port)", "CALLBACK_SECRET_FILE": secret,
                ])
                let url = "http://127.0.0.1:\(receiver.port)/webhook-waiting/execution-4711?signature=cafe01"
                let started = try await service.startBuild(#"{"webapp": "app-example", "callbackUrl": "\#(url)"}"#)
                // One attempt as a rule; one that is answered too late counts for nothing, and is followed by another.
                let build = try await service.build(started, within: .seconds(120)) {
                    $0["callback"]?["status"] == "delivered"
                }
                #expect(build["status"] == "succeeded" && build["callback"]?["host"] == "127.0.0.1", "\(build)")
                guard case .number(let attempts)? = build["callback"]?["attempts"], attempts >= 1 else {
                    throw TestingError("delivered without an attempt: \(build)")
                }
                #expect((1...Int(attempts)).contains(receiver.calls.count) && receiver.connections <= Int(attempts))
                let call = try #require(receiver.calls.first)
                #expect(call["path"] == "/webhook-waiting/execution-4711?signature=cafe01")
                let headers = try #require(call["headers"])
                #expect(headers["content-type"] == "application/json")
                #expect(headers["webhook-id"]?.string?.hasPrefix("msg_\(started["id"]?.string ?? "?")_") == true)
                #expect(headers["x-callback-secret"] == .string(Self.key))
                #expect(call["isSigned"] == .bool(true), "\(call)")
                let body = try JSON(parsing: call["body"]?.string ?? "")
                for member in ["id", "tag", "status", "done", "digest", "image"] {
                    #expect(body[member] != nil && body[member] == build[member], "\(member): \(body)")
                }
                for piece in ["webhook-waiting", "execution-4711", "cafe01", Self.key] {
                    #expect(!service.log.contains(piece), "\(piece) in \(service.log)")
                }
            }
        }

        /// Hosts that an operator may name, that are no loopback names, and that lead to this machine all the same.
        private static var waysHome: [String] { ["0.0.0.0"] + (ownName.map { [$0] } ?? []) }

        @Test("a host that is allowed and leads to this machine is not connected to", arguments: waysHome)
        func refusedAddress(host: String) async throws {
            try await Scene.play { scene in
                let receiver = try await Receiver()
                defer { receiver.close() }
                let url = "http://\(host):\(receiver.port)"
                let service = try await scene.service(["CALLBACK_ALLOWED_HOSTS": url])
                try await Self.expectRefusal(service, receiver, url)
            }
        }

        @Test("a host that is not allowed is refused with the request, and starts nothing")
        func refusedHost() async throws {
            try await Scene.play { scene in
                let receiver = try await Receiver()
                defer { receiver.close() }
                let service = try await scene.service(["CALLBACK_ALLOWED_HOSTS": "n8n.example, http://127.0.0.1:1"])
                for url in ["http://127.0.0.1:\(receiver.port)/a", "http://n8n.example/a", "https://other.example/a"] {
                    let answer = try await service.post(
                        "/builds", #"{"webapp": "app-example", "callbackUrl": "\#(url)"}"#)
                    #expect(answer.status == 422 && answer["code"] == "callback_not_allowed", "\(answer)")
                    #expect(answer["field"] == "callbackUrl")
                }
                #expect(try await service.get("/builds")["builds"] == [])
                #expect(receiver.connections == 0)
            }
        }

        @Test(
            "a key that is spoilt or gone stops the start of the service by name, and no other command",
            arguments: ["whsec_c2hvcnQ=\n", nil])
        func badSecret(content: String?) async throws {
            try await Scene.play { scene in
                try scene.registry.add(.init(), to: "webapp/app-example", tags: ["v1.4.2"])
                let secret = "\(scene.directory)/callback"
                if let content { try Scene.write(content, to: secret) }
                let settings = ["CALLBACK_SECRET_FILE": secret, "CALLBACK_ALLOWED_HOSTS": "http://127.0.0.1"]
                let serve = try await scene.run("serve", changing: settings)
                #expect(serve.status == 64, "\(serve)")
                #expect(serve.errors.hasPrefix("registry-query: CALLBACK_SECRET_FILE=\(secret): "), "\(serve)")
                let tags = try await scene.run("tags", "app-example", changing: settings)
                #expect(tags.status == 0 && tags.output == "v1.4.2\n", "\(tags)")

                let next = try await scene.run("next", "app-example", changing: settings)
                #expect(next.status == 0 && next.output == "v1.4.3\n", "\(next)")
            }
        }

        // MARK: Parts

        /// Starts a build, and expects that the call to `url` ends before there is a connection.
        private static func expectRefusal(
            _ service: ServiceProcess, _ receiver: Receiver, _ url: String
        ) async throws {
            let build = try await told(
                service, try await service.startBuild(#"{"webapp": "app-example", "callbackUrl": "\#(url)/a"}"#))
            #expect(build["callback"]?["status"] == "retrying", "\(build)")
            #expect(build["callback"]?["lastAnswer"]?.string?.contains("is not allowed") == true, "\(build)")
            #expect(receiver.connections == 0)
        }

        /// The build as it is once a call was tried.
        private static func told(_ service: ServiceProcess, _ build: JSON) async throws -> JSON {
            try await service.build(build) { $0["callback"]?["lastAnswer"]?.string != nil }
        }

        /// The name of this machine, if it leads back to it by way of loopback.
        private static var ownName: String? {
            var name = [CChar](repeating: 0, count: 256)
            guard gethostname(&name, name.count - 1) == 0 else { return nil }
            var hints = addrinfo()
            hints.ai_family = AF_INET
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var found: UnsafeMutablePointer<addrinfo>?
            guard getaddrinfo(name, nil, &hints, &found) == 0, let found else { return nil }
            defer { freeaddrinfo(found) }
            let isLoopback = found.pointee.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt32(bigEndian: $0.pointee.sin_addr.s_addr) >> 24 == 127
            }
            let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            return isLoopback && text != "localhost" ? text : nil
        }
    }
}

/// Takes calls, and says whether they are signed as Standard Webhooks wants it.
private final class Receiver: Sendable {
    let port: Int
    private let directory: TemporaryDirectory
    private let process: ServerProcess

    init(key: String = "whsec_") async throws {
        directory = try TemporaryDirectory()
        process = try ServerProcess(["python3", "-c", Self.script, key], name: "receiver", in: directory)
        let text = try await process.word(after: "listening on ")
        guard let port = Int(text) else { throw TestingError("\(text) is no port") }
        self.port = port
    }

    func close() { process.close() }

    /// How often somebody has connected.
    var connections: Int { process.output.split(separator: "\n").count { $0 == "connection" } }

    /// Each with `path`, `headers`, `body` and `isSigned`.
    var calls: [JSON] {
        process.output.split(separator: "\n").filter { $0.hasPrefix("call ") }.map { line in
            (try? JSON(parsing: String(line.dropFirst(5)))) ?? .null
        }
    }

    private static let script = """
        import base64, hashlib, hmac, http.server, json, sys

        key = base64.b64decode(sys.argv[1].removeprefix("whsec_"))

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                signed = ".".join([headers.get("webhook-id", ""), headers.get("webhook-timestamp", ""), ""]).encode()
                code = base64.b64encode(hmac.new(key, signed + body, hashlib.sha256).digest()).decode()
                print("call " + json.dumps({
                    "path": self.path, "headers": headers, "body": body.decode(),
                    "isSigned": headers.get("webhook-signature") == "v1," + code}), flush=True)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def verify_request(self, request, address):
                print("connection", flush=True)
                return True

        server = Server(("127.0.0.1", 0), Handler)
        print("listening on %d" % server.server_port, flush=True)
        server.serve_forever()
        """
}
