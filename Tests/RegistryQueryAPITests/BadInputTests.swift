import Testing

@testable import RegistryQueryAPI

struct BadInputTests {
    /// What a request gets: status, code, and the fields that are named, in order.
    struct Case: Sendable, CustomTestStringConvertible {
        var target: String
        var body: String?
        var headers: [(String, String)] = []
        var status: Int
        var code: String
        var fields: [String] = []

        var testDescription: String { "\(target) \(body?.prefix(80) ?? "") \(headers)" }

        static func get(_ target: String, _ status: Int, _ code: String, _ fields: String...) -> Case {
            Case(target: target, status: status, code: code, fields: fields)
        }

        static func build(_ body: String, _ status: Int, _ code: String, _ fields: String...) -> Case {
            Case(target: "/builds", body: body, status: status, code: code, fields: fields)
        }

        static func next(_ body: String, _ status: Int, _ code: String, _ fields: String...) -> Case {
            Case(target: "/next/app", body: body, status: status, code: code, fields: fields)
        }

        static func key(_ key: String) -> Case {
            Case(
                target: "/builds", body: "{\"webapp\":\"app\"}", headers: [("Idempotency-Key", key)], status: 400,
                code: "malformed_request", fields: ["Idempotency-Key"])
        }
    }

    static let paths: [Case] = [
        .get("/tags/App", 422, "invalid_value", "webapp"), .get("/tags/-app", 422, "invalid_value", "webapp"),
        .get("/tags/a.b", 422, "invalid_value", "webapp"), .get("/tags/..%2f", 422, "invalid_value", "webapp"),
        .get("/tags/%2e%2e", 422, "invalid_value", "webapp"), .get("/tags/a%00", 422, "invalid_value", "webapp"),
        .get("/tags/\(String(repeating: "a", count: 64))", 422, "invalid_value", "webapp"),
        .get("/tags/%zz", 400, "malformed_request"), .get("/tags/%", 400, "malformed_request"),
        .get("/tags/%ff", 400, "malformed_request"),
        .get("/tags/app/v1+2", 422, "invalid_value", "tag"), .get("/tags/app/..%2f..", 422, "invalid_value", "tag"),
        .get("/tags/APP/-x", 422, "invalid_value", "webapp", "tag"), .get("/builds/NO", 422, "invalid_value", "id"),
        .get("/builds/none/logs?follow=1&x=2", 400, "unknown_parameter", "x", "follow"),
        .get("/tags/app/v1/x", 404, "route_unknown"), .get("/tags", 404, "route_unknown"),
        .get("/tags/", 404, "route_unknown"),
        .get("/tags/app/", 404, "route_unknown"), .get("//tags/app", 404, "route_unknown"),
        .get("/", 404, "route_unknown"),
        .get("/Tags/app", 404, "route_unknown"), .get("/metrics/x", 404, "route_unknown"),
        .get("/tags/\(String(repeating: "a", count: 9000))", 414, "target_too_long"),
    ]

    static let queries: [Case] = [
        .get("/tags/app?colour=red", 400, "unknown_parameter", "colour"),
        .get("/tags/app?limit=1&limit=2", 400, "repeated_parameter", "limit"),
        .get("/tags/app?limit=0", 422, "invalid_value", "limit"),
        .get("/tags/app?limit=-1", 422, "invalid_value", "limit"),
        .get("/tags/app?limit=", 422, "invalid_value", "limit"),
        .get("/tags/app?limit=+5", 422, "invalid_value", "limit"),
        .get("/tags/app?limit=99999999999999999999", 422, "invalid_value", "limit"),
        .get("/tags/app?limit=1e3", 422, "invalid_value", "limit"),
        .get("/tags/app?prereleases=yes", 422, "invalid_value", "prereleases"),
        .get("/tags/app?range=%3E%3E1", 422, "invalid_value", "range"),
        .get("/tags/app?range=%ff", 400, "malformed_request", "range"),
        .get("/tags/app?Range=1", 400, "unknown_parameter", "Range"),
        .get("/tags/app/v1?limit=1", 400, "unknown_parameter", "limit"),
        .get("/tags/App?limit=x&y=1", 400, "unknown_parameter", "y", "webapp", "limit"),
        .get("/next/app?bump=huge", 422, "invalid_value", "bump"),
        .get("/next/app?bump=auto", 422, "invalid_value", "bump"),
        .get("/next/app?prereleaseId=rc", 422, "invalid_value", "prereleaseId"),
        .get("/next/app?bump=prerelease&prereleaseId=r+c", 422, "invalid_value", "prereleaseId"),
        .get("/next/app?bump=prerelease&prereleaseId=a%2Bb", 422, "invalid_value", "prereleaseId"),
        .get("/next/app?commits=x", 400, "unknown_parameter", "commits"),
        .get("/builds?status=done", 422, "invalid_value", "status"),
        .get("/builds?webapp=..", 422, "invalid_value", "webapp"),
        .get("/healthz?x=1", 400, "unknown_parameter", "x"), .get("/readyz?x", 400, "unknown_parameter", "x"),
        .get("/openapi.yaml?x=", 400, "unknown_parameter", "x"),
        .get("/builds/x?wait=61", 422, "invalid_value", "wait"),
        .get("/builds/x?wait=1m", 422, "invalid_value", "wait"),
        .get("/builds/x?wait=-1s", 422, "invalid_value", "wait"),
        .get("/builds/x?wait=s", 422, "invalid_value", "wait"),
        .get("/builds/x?wait=", 422, "invalid_value", "wait"),
        .get("/builds/x?wait=5s&wait=5s", 400, "repeated_parameter", "wait"),
        .get("/builds/x?wait=0.5", 422, "invalid_value", "wait"),
        .get("/builds/x/events?follow=true", 400, "unknown_parameter", "follow"),
        Case(
            target: "/builds?x=1", body: "{\"webapp\":\"app\"}", status: 400, code: "unknown_parameter", fields: ["x"]),
    ]

    static let bodies: [Case] = [
        .build("", 400, "malformed_json"), .build("{", 400, "malformed_json"), .build("[]", 400, "wrong_type"),
        .build("null", 400, "wrong_type"),
        .build("\"app\"", 400, "wrong_type"), .build("{}", 422, "missing_field", "webapp"),
        .build(#"{"webapp":null}"#, 422, "missing_field", "webapp"),
        .build(#"{"webapp":7}"#, 400, "wrong_type", "webapp"),
        .build(#"{"webapp":""}"#, 422, "invalid_value", "webapp"),
        .build(#"{"webapp":"../x"}"#, 422, "invalid_value", "webapp"),
        .build(#"{"webapp":"a$(x)"}"#, 422, "invalid_value", "webapp"),
        .build(#"{"webapp":"app","webapp":"app"}"#, 400, "duplicate_field", "webapp"),
        .build(#"{"webapp":"app","name":"x"}"#, 400, "unknown_field", "name"),
        .build(#"{"webapp":"App","bump":"x","colour":1}"#, 400, "unknown_field", "colour", "webapp", "bump"),
        .build(#"{"webapp":"App","bump":1}"#, 400, "wrong_type", "bump", "webapp"),
        .build(#"{"webapp":"app","bump":"huge"}"#, 422, "invalid_value", "bump"),
        .build(#"{"webapp":"app","bump":1}"#, 400, "wrong_type", "bump"),
        .build(#"{"webapp":"app","bump":"auto"}"#, 422, "invalid_value", "bump"),
        .build(#"{"webapp":"app","version":"1.2"}"#, 422, "invalid_value", "version"),
        .build(#"{"webapp":"app","version":"v1.2.3+b"}"#, 422, "invalid_value", "version"),
        .build(#"{"webapp":"app","version":"latest"}"#, 422, "invalid_value", "version"),
        .build(#"{"webapp":"app","version":"v1.2.3","bump":"patch"}"#, 422, "invalid_value", "bump"),
        .build(
            #"{"webapp":"app","version":"v1.2.3","commits":[],"range":"1.x"}"#, 422, "invalid_value", "commits", "range"
        ),
        .build(#"{"webapp":"app","version":"bad","commits":[]}"#, 422, "invalid_value", "version", "commits"),
        .build(#"{"webapp":"app","commits":"x"}"#, 400, "wrong_type", "commits"),
        .build(#"{"webapp":"app","commits":["a","b",null,{}]}"#, 400, "wrong_type", "commits[2]", "commits[3]"),
        .build(#"{"webapp":"app","commits":["a"],"prereleaseId":"rc"}"#, 422, "invalid_value", "prereleaseId"),
        .build(#"{"webapp":"app","prereleaseId":"rc"}"#, 422, "invalid_value", "prereleaseId"),
        .build(#"{"webapp":"app","bump":"minor","prereleaseId":"rc"}"#, 422, "invalid_value", "prereleaseId"),
        .build(#"{"webapp":"app","bump":"prerelease","prereleaseId":"r c"}"#, 422, "invalid_value", "prereleaseId"),
        .build(#"{"webapp":"app","range":"^^1"}"#, 422, "invalid_value", "range"),
        .build(#"{"webapp":"app","git":"x"}"#, 400, "wrong_type", "git"),
        .build(#"{"webapp":"app","git":{"uri":"x"}}"#, 400, "unknown_field", "git.uri"),
        .build(#"{"webapp":"app","git":{"url":"https://a/b","url":"https://a/b"}}"#, 400, "duplicate_field", "git.url"),
        .build(#"{"webapp":"app","git":{"url":"file:///etc"}}"#, 422, "invalid_value", "git.url"),
        .build(#"{"webapp":"app","git":{"url":"https://u:p@a/b"}}"#, 422, "invalid_value", "git.url"),
        .build(
            #"{"webapp":"app","git":{"url":1,"ref":"-x","commit":"abc","subdirectory":"../x"}}"#, 400, "wrong_type",
            "git.url", "git.ref", "git.commit", "git.subdirectory"),
        .build(#"{"webapp":"app","git":{"subdirectory":"/etc"}}"#, 422, "invalid_value", "git.subdirectory"),
        .build(#"{"webapp":"app","platforms":["linux"]}"#, 422, "invalid_value", "platforms[0]"),
        .build(#"{"webapp":"app","platforms":["linux/arm64","linux/arm64"]}"#, 422, "invalid_value", "platforms"),
        .build(#"{"webapp":"app","platforms":{}}"#, 400, "wrong_type", "platforms"),
        .build(#"{"webapp":"app","callbackUrl":"https://n8n.example/x"}"#, 422, "callbacks_unavailable", "callbackUrl"),
        .build(#"{"webapp":"app","callbackUrl":5}"#, 400, "wrong_type", "callbackUrl"),
        .build(
            "{\"webapp\":\"app\",\"commits\":[\(Array(repeating: "\"x\"", count: 2049).joined(separator: ","))]}", 422,
            "invalid_value", "commits"),
        .next("{}", 422, "missing_field", "commits"), .next(#"{"bump":"major"}"#, 422, "missing_field", "commits"),
        .next(#"{"commits":[],"version":"v1.0.0"}"#, 400, "unknown_field", "version"),
        .next(#"{"commits":[1]}"#, 400, "wrong_type", "commits[0]"),
        .next(#"{"commits":[],"bump":"x"}"#, 422, "invalid_value", "bump"),
    ]

    static let keys = [
        "", "\"\"", "\"open", "a b", "a\"b", "\"a\"b\"", "a\\b", "\u{e9}", String(repeating: "k", count: 256),
    ].map(Case.key)

    @Test("names what is wrong and starts nothing", arguments: paths + queries + bodies + keys)
    func refuses(_ wrong: Case) async throws {
        try await TestService.run { service in
            let headers = (wrong.body == nil ? [] : [("Content-Type", "application/json")]) + wrong.headers
            let reply = try await service.send(
                wrong.body == nil ? "GET" : "POST", wrong.target, headers, body: wrong.body)
            #expect(reply.status == wrong.status && reply.isComplete, "\(reply)")
            #expect(reply["content-type"] == "application/problem+json")
            let json = try reply.json
            #expect(json["code"].string == wrong.code, "\(reply.text)")
            #expect(json["type"].string == "urn:registry-query:problem:\(wrong.code)")
            #expect(json["status"] == .integer(wrong.status))
            #expect(json["message"] == json["detail"] && json["message"].string?.isEmpty == false)
            if case .array(let errors) = json["errors"] {
                #expect(Set(errors.compactMap { $0["field"].string }) == Set(wrong.fields), "\(reply.text)")
                for error in errors {
                    #expect(error["message"].string?.hasPrefix("\(error["field"].string ?? "?"): ") == true)
                    #expect(ProblemCode(rawValue: error["code"].string ?? "") != nil)
                }
                #expect(wrong.fields.contains(json["field"].string ?? ""))
            } else {
                #expect(wrong.fields.isEmpty, "\(reply.text)")
            }
            #expect(service.builder.all.isEmpty && service.registry.asked.allSatisfy { $0 == "/v2/" })
        }
    }

    @Test("two idempotency keys are one too many")
    func refusesTwoKeys() async throws {
        try await TestService.run { service in
            let reply = try await service.post(
                "/builds", "{\"webapp\":\"app\"}", ("Idempotency-Key", "a"), ("Idempotency-Key", "a"))
            #expect(reply.status == 400)
            #expect(try reply.json["field"] == "Idempotency-Key")
        }
    }

    @Test("says where the JSON goes wrong")
    func saysWhere() async throws {
        try await TestService.run { service in
            let reply = try await service.post("/builds", "{\n  \"webapp\": \"app\"\n  \"bump\": \"minor\"\n}")
            #expect(
                try reply.json["message"].string?.contains("line 3, column 3: ',' or '}' is missing") == true,
                "\(reply.text)")
        }
    }

    @Test(
        "wants JSON, and nothing packed",
        arguments: [
            ([("Content-Type", "application/json; charset=UTF-8")], 202), ([("Content-Type", "APPLICATION/JSON")], 202),
            ([("Content-Type", "application/json;charset=\"utf-8\"")], 202),
            ([("Content-Type", "application/json; charset=latin1")], 415),
            ([("Content-Type", "application/jsonx")], 415), ([("Content-Type", "text/json")], 415), ([], 415),
            ([("Content-Type", "application/json"), ("Content-Encoding", "gzip")], 415),
            ([("Content-Type", "application/json"), ("Content-Encoding", "identity")], 202),
        ] as [([(String, String)], Int)])
    func wantsJSON(headers: [(String, String)], status: Int) async throws {
        try await TestService.run { service in
            let reply = try await service.send("POST", "/builds", headers, body: "{\"webapp\":\"app\"}")
            #expect(reply.status == status, "\(reply)")
            if status == 415 { #expect(try reply.code == "unsupported_media_type") }
        }
    }
}
