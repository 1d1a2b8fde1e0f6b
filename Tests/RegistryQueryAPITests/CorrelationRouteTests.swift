import Builds
import HTTPTransport
import Testing

@testable import RegistryQueryAPI

/// What ties a request to what is done for it: see ``Correlation``.
struct CorrelationRouteTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let parent = "00-\(trace)-00f067aa0ba902b7-01"
    private static let list = "/v2/webapp/app/tags/list"

    @Test("a trace is passed on to the registry and to the build, and stands in the log; what is none is ignored")
    func passesOn() async throws {
        try await TestService.run(tagsMaxAge: .zero) { service in
            service.registry.setTags(["v1.2.3"], of: "app")
            let reply = try await service.get("/tags/app", ("traceparent", Self.parent), ("X-Request-Id", "mine"))
            #expect(reply.status == 200 && reply["x-request-id"] == "mine" && reply["traceparent"] == nil)
            var last = try #require(service.log.requests.last)
            #expect(last.metadata["trace_id"] == Self.trace && last.metadata["request_id"] == "mine")
            for wrong in ["00-\(Self.trace)-0000000000000000-01", "x", Self.parent + "-00"] {
                #expect(try await service.get("/tags/app", ("traceparent", wrong)).status == 200)
            }
            _ = try await service.get("/tags/app", ("traceparent", Self.parent), ("traceparent", Self.parent))
            #expect(service.registry.traces(of: Self.list) == [Self.parent, nil, nil, nil, nil])
            last = try #require(service.log.requests.last)
            #expect(last.metadata["trace_id"] == nil)

            // The listing that a reservation begins with belongs to the request, though other tasks do the work.
            let started = try await service.post("/builds", #"{"webapp":"app"}"#, ("traceparent", Self.parent))
            #expect(started.status == 202)
            _ = try await service.startBuild("app")
            #expect(service.registry.traces(of: Self.list).suffix(2) == [Self.parent, nil])
            let parents = service.builder.all.sorted { $0.version < $1.version }.map(\.traceparent?.description)
            #expect(parents == [Self.parent, nil])

            let id = try BuildID(try #require(try started.json["id"].string))
            service.builder.change(id) { $0.end(.failed, after: 1) }
            let other = Self.parent.replacing("-01", with: "-00")
            _ = try await service.send("POST", "/builds/\(id)/retry", [("traceparent", other)])
            #expect(service.builder.all.max { $0.version < $1.version }?.traceparent?.description == other)
        }
    }

    @Test("each line of a request has its id, whoever asks at the same time")
    func keepsApart() async throws {
        try await TestService.run(tagsMaxAge: .zero) { service in
            for webapp in 0..<4 { service.registry.setTags(["v1.0.0"], of: "app-\(webapp)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        let digits = String(number + 16, radix: 16)
                        let parent = Self.parent.replacing("0e0e4736", with: "0e0e47\(digits)")
                        let reply = try await service.get(
                            "/tags/app-\(number)", ("traceparent", parent), ("X-Request-Id", "request-\(number)"))
                        #expect(reply["x-request-id"] == "request-\(number)")
                        #expect(service.registry.traces(of: "/v2/webapp/app-\(number)/tags/list") == [parent])
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("the line of a request names the build that it concerns")
    func namesBuild() async throws {
        try await TestService.run { service in
            func last() throws -> [String: String] { try #require(service.log.requests.last).metadata }
            let id = try await service.startBuild("app")
            var line = try last()
            #expect(line["build"] == "\(id)" && line["method"] == "POST" && line["route"] == "/builds")
            #expect(line["status"] == "202" && line["duration_ms"] != nil && line["request_id"] != nil)
            for (method, path) in [("GET", ""), ("GET", "/logs"), ("POST", "/retry"), ("DELETE", "")] {
                _ = try await service.send(method, "/builds/\(id)\(path)")
                #expect(try last()["build"]?.hasPrefix("\(id)") == true, "\(method) \(path)")
            }
            let again = try await service.send("POST", "/builds/\(id)/retry")
            let new = try #require(try again.json["id"].string)
            #expect(try last()["build"] == "\(id),\(new)")
            _ = try await service.get("/builds/unknown")
            #expect(try last()["build"] == "unknown")
            _ = try await service.get("/builds/No%20Id")
            line = try last()
            #expect(line["build"] == nil && line["status"] == "422")
            _ = try await service.get("/builds")
            #expect(try last()["build"] == nil)
        }
        let webhook = try GitHubStub.webhook(paths: "shop,blog")
        try await TestService.run(GitHubStub.configuration(webhook)) { service in
            let reply = try await service.deliver(PushPayload(.init("fix: x", "shop/x"), .init("fix: y", "blog/y")))
            #expect(reply.status == 200)
            let ids = Set(service.builder.all.map { "\($0.id)" })
            let line = try #require(service.log.requests.last?.metadata["build"])
            #expect(Set(line.split(separator: ",").map(String.init)) == ids && ids.count == 2)
        }
    }
}
