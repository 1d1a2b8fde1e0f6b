import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("Commands that ask what is no service, or one that means no good")
    struct HostileServiceTests {
        private static let token = "builder-token-0123456789"

        /// Runs a command against a server that means no good; answers how it ended and what the server was sent.
        private static func run(
            _ arguments: [String], against behavior: HostileServer.Behavior
        ) async throws -> (Scene.Ending, requests: [String]) {
            let server = try await HostileServer(behavior)
            defer { server.close() }
            let ending = try await Scene.run(
                arguments, settings: ["REGISTRY_QUERY_URL": "\(server.url)/base/", "REGISTRY_QUERY_TOKEN": token])
            #expect(!(ending.output + ending.errors).contains(token), "\(ending)")
            return (ending, server.requests)
        }

        @Test("a redirect is not followed, so that no other server gets the token")
        func redirect() async throws {
            let other = try await HostileServer(.answers(body: "{}"))
            defer { other.close() }
            for arguments in [["tags", "a"], ["build", "a"], ["logs", "a"], ["cancel", "a"], ["retry", "a"]] {
                let (ending, requests) = try await Self.run(
                    arguments, against: .redirects(to: "\(other.url)/x?token=y"))
                #expect(ending.status == 1 && ending.errors.contains("points to \(other.url)/x"), "\(ending)")
                #expect(requests.count == 1 && requests.allSatisfy { $0.hasSuffix(" Bearer \(Self.token)") })
            }
            #expect(other.requests == [])
        }

        @Test(
            "what is no answer of the service is an error that says so",
            arguments: [
                (["tags", "a"], .answers(type: "text/html", body: "<html>Please log in</html>"), "text/html"),
                (["logs", "a"], .answers(type: "text/html", body: "<html>Please log in</html>"), "text/html"),
                (
                    ["tags", "a"], .answers(status: 502, type: "text/html", body: "<h1>Bad gateway</h1>"),
                    "answered 502"
                ),
                (["tags", "a"], .answers(body: "{}"), "not the document"),
                (["tags", "a"], .answers(body: #"{"repository": "a", "count": 1, "tags": [1]}"#), "not the document"),
                (["tags", "a"], .answers(body: #"{"repository": "a", "count": 1, "tags": ["#), "not the document"),
                // Neither is "no release is needed".
                (["next", "a"], .answers(body: #"{"next": null}"#), "not the document"),
                (["next", "a"], .answers(body: #"{"next": null, "releaseNeeded": true}"#), "not the document"),
                (["next", "a"], .answers(body: #"{"next": "$(id)", "releaseNeeded": true}"#), "not the document"),
                (["build", "a"], .answers(status: 202, body: #"{"id": "x"}"#), "not the document"),
                (["builds"], .answers(body: #"{"builds": [{}]}"#), "not the document"),
                (["cancel", "a"], .answers(body: "[]"), "not the document"),
                // The token sent back, and what a terminal would obey.
                (["tags", "a"], .answers(type: "text/html", body: "you sent TOKEN"), "text/html"),
                (
                    ["tags", "a"],
                    .answers(
                        status: 401, type: "application/problem+json",
                        body: #"{"code": "unauthorized", "message": "TOKEN \u001b[2J is wrong"}"#), "***  is wrong"
                ),
                (["tags", "a"], .answers(status: 403, type: "text/plain", body: "TOKEN"), "REGISTRY_QUERY_TOKEN"),
                (["tags", "a"], .neverEnds(type: "application/json", piece: " "), "longer than 16777216 bytes"),
                (["tags", "a"], .neverEnds(type: "text/html", piece: "a"), "text/html"),
            ] as [([String], HostileServer.Behavior, String)])
        func noAnswer(arguments: [String], behavior: HostileServer.Behavior, words: String) async throws {
            let (ending, requests) = try await Self.run(arguments, against: behavior)
            #expect(ending.status == 1 && ending.output == "", "\(ending)")
            #expect(ending.errors.contains(words), "\(ending)")
            #expect(requests.allSatisfy { $0.contains(" /base/") }, "\(requests)")
        }

        @Test("what the service finds wrong with a value from the command line is a wrong call")
        func wrongValue() async throws {
            let body = #"{"code": "invalid_value", "message": "webapp: \"a\" is reserved", "field": "webapp"}"#
            let (ending, _) = try await Self.run(
                ["tags", "a"], against: .answers(status: 422, type: "application/problem+json", body: body))
            #expect(ending.status == 64 && ending.errors == "registry-query: webapp: \"a\" is reserved\n", "\(ending)")
        }

        @Test(
            "events that are none, no builds, or too long end the wait with an error",
            arguments: [
                (.answers(status: 202, body: build), "text/event-stream was expected"),
                (.neverEnds(type: "text/event-stream", piece: "data: {}\n\n", started: build), "not the document"),
                (.neverEnds(type: "text/event-stream", piece: "data: ", started: build), "more than 1048576 bytes"),
                (
                    .neverEnds(type: "text/event-stream", piece: ": alive\n\n", started: build),
                    "longer than 67108864 bytes"
                ),
            ] as [(HostileServer.Behavior, String)])
        func hostileEvents(behavior: HostileServer.Behavior, words: String) async throws {
            let (ending, requests) = try await Self.run(["build", "a", "--wait"], against: behavior)
            #expect(ending.status == 1 && ending.errors.contains(words), "\(ending)")
            #expect(requests.map { $0.prefix { $0 != "B" } } == ["POST /base/builds ", "GET /base/builds/b/events "])
        }

        private static let build = #"""
            {"id": "b", "tag": "v1.0.0", "image": "i", "status": "running", "done": false, "message": "m", "git": {}}
            """#
    }
}
