import Testing

extension EndToEnd {
    @Suite("Bad input")
    struct BadInputTests {
        /// A request that cannot be right.
        struct Case: Sendable, CustomStringConvertible {
            var method = "POST"
            var path = "/builds"
            var body: String?
            var status: Int
            var code: String
            var field: String?

            var description: String { "\(method) \(path.prefix(60)) \((body ?? "").prefix(80)): \(code)" }

            static func get(_ path: String, _ status: Int, _ code: String, _ field: String?) -> Case {
                Case(method: "GET", path: path, status: status, code: code, field: field)
            }

            static func build(_ members: String, _ status: Int, _ code: String, _ field: String?) -> Case {
                Case(body: #"{"webapp": "app-example", \#(members)}"#, status: status, code: code, field: field)
            }
        }

        static let cases: [Case] = [
            .get("/tags/App_Example", 422, "invalid_value", "webapp"),
            .get("/tags/-app", 422, "invalid_value", "webapp"),
            .get("/tags/app.example", 422, "invalid_value", "webapp"),
            .get("/tags/app%2F..%2Fother", 422, "invalid_value", "webapp"),
            .get("/tags/\(String(repeating: "a", count: 64))", 422, "invalid_value", "webapp"),
            .get("/tags/app-example?limit=0", 422, "invalid_value", "limit"),
            .get("/tags/app-example?page=2", 400, "unknown_parameter", "page"),
            .get("/tags/app-example?range=one", 422, "invalid_value", "range"),
            .get("/tags/app-example?limit=1&limit=2", 400, "repeated_parameter", "limit"),
            .get("/tags/app-example/a%20b", 422, "invalid_value", "tag"),
            .get("/next/app-example?bump=huge", 422, "invalid_value", "bump"),
            .get("/builds/UPPER", 422, "invalid_value", "id"),
            .get("/builds/build-app-example-v1-0-0?wait=1h", 422, "invalid_value", "wait"),
            .get("/nothing", 404, "route_unknown", nil),
            Case(method: "PUT", path: "/builds", status: 405, code: "method_not_allowed"),
            Case(body: "{", status: 400, code: "malformed_json"),
            Case(body: "[]", status: 400, code: "wrong_type"),
            Case(body: "{}", status: 422, code: "missing_field", field: "webapp"),
            Case(body: #"{"webapp": 1}"#, status: 400, code: "wrong_type", field: "webapp"),
            Case(body: #"{"webapp": "a", "webapp": "b"}"#, status: 400, code: "duplicate_field", field: "webapp"),
            .build(#""colour": "blue""#, 400, "unknown_field", "colour"),
            .build(#""bump": "huge""#, 422, "invalid_value", "bump"),
            .build(#""version": "1.2""#, 422, "invalid_value", "version"),
            .build(#""version": "v1.2.3+build""#, 422, "invalid_value", "version"),
            .build(#""git": {"ref": "--upload-pack=touch /tmp/x"}"#, 422, "invalid_value", "git.ref"),
            .build(#""git": {"subdirectory": "../secrets"}"#, 422, "invalid_value", "git.subdirectory"),
            .build(#""git": {"subdirectory": "/etc"}"#, 422, "invalid_value", "git.subdirectory"),
            .build(#""git": {"url": "file:///etc"}"#, 422, "invalid_value", "git.url"),
            .build(#""git": {"url": "ext::sh -c id"}"#, 422, "invalid_value", "git.url"),
            .build(#""git": {"url": "/etc"}"#, 422, "invalid_value", "git.url"),
            .build(#""git": {"commit": "abc123"}"#, 422, "invalid_value", "git.commit"),
            .build(#""git": {"branch": "main"}"#, 400, "unknown_field", "git.branch"),
            .build(#""platforms": ["linux"]"#, 422, "invalid_value", "platforms[0]"),
            .build(#""padding": "\#(String(repeating: "x", count: 1 << 20))""#, 413, "body_too_large", nil),
        ]

        @Test("each gets a problem document that names the field, and starts nothing")
        func overHTTP() async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                for bad in Self.cases {
                    let headers = bad.body == nil ? [] : ["Content-Type: application/json"]
                    let answer = try await scene.client.send(
                        bad.method, service.url + bad.path, headers: headers, body: bad.body)
                    #expect(answer.status == bad.status, "\(bad): \(answer.body)")
                    #expect(answer.headers["content-type"] == "application/problem+json", "\(bad)")
                    #expect(answer["code"] == .string(bad.code), "\(bad): \(answer.body)")
                    #expect(answer["status"] == .number(Double(bad.status)), "\(bad)")
                    if let field = bad.field { #expect(answer["field"] == .string(field), "\(bad): \(answer.body)") }
                    #expect(answer["message"]?.string?.isEmpty == false, "\(bad)")
                }
                #expect(try await service.get("/builds")["builds"] == [])
            }
        }

        static let commands: [(arguments: [String], word: String)] = [
            (["tags", "App_Example"], "webapp"),
            (["tags"], "webapp"),
            (["tags", "app-example", "--limit", "0"], "--limit"),
            (["tags", "app-example", "--range", "one"], "--range"),
            (["next", "app-example", "--bump", "huge"], "--bump"),
            (["next", "app-example", "--prerelease-id", "rc"], "--prerelease-id"),
            (["build", "app-example", "--version", "1.2"], "--version"),
            (["build", "app-example", "--git-ref=-x"], "git.ref"),
            (["build", "app-example", "--git-subdirectory", "../x"], "git.subdirectory"),
            (["build", "app-example", "--git-url", "file:///etc"], "git.url"),
            (["build", "app-example", "--platform", "linux"], "linux"),
            (["builds", "--status", "lost"], "--status"),
            (["logs", "UPPER"], "UPPER"),
            (["cancel"], "build"),
            (["fly"], "fly"),
            (["tags", "app-example", "--wings"], "--wings"),
        ]

        @Test("on the command line it is exit code 64, and nothing on standard output")
        func onTheCommandLine() async throws {
            try await Scene.play { scene in
                for bad in Self.commands {
                    let ending = try await Scene.run(bad.arguments, settings: scene.settings)
                    #expect(ending.status == 64, "\(bad.arguments): \(ending.errors)")
                    #expect(ending.output == "", "\(bad.arguments)")
                    #expect(ending.errors.contains(bad.word), "\(bad.arguments): \(ending.errors)")
                }
            }
        }
    }
}
