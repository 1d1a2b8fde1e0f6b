import Builds
import HTTPTransport
import Testing

@testable import RegistryQueryAPI

struct VersionRouteTests {
    @Test("lists tags as the contract has them")
    func listsTags() async throws {
        try await TestService.run { service in
            service.registry.setTags(["latest", "v1.9.0", "v1.10.0", "v2.0.0-rc.1", "2024.01.02"], of: "app-example")
            let reply = try await service.get("/tags/app-example")
            #expect(reply.status == 200 && reply["content-type"] == "application/json")
            #expect(reply.age.map { (0..<60).contains($0) } == true, "\(reply)")
            let json = try reply.json
            #expect(json.names == ["webapp", "repository", "latest", "count", "tags"])
            #expect(
                json["webapp"] == "app-example" && json["repository"] == "webapp/app-example"
                    && json["latest"] == "v1.10.0")
            #expect(json["count"] == 5)
            #expect(json["tags"] == ["v2.0.0-rc.1", "v1.10.0", "v1.9.0", "2024.01.02", "latest"])

            let few = try await service.get("/tags/app-example?limit=2&prereleases=true").json
            #expect(few["latest"] == "v2.0.0-rc.1" && few["count"] == 5 && few["tags"] == ["v2.0.0-rc.1", "v1.10.0"])
            for query in ["range=%3E%3D1.9%20%3C1.10", "range=%3E=1.9+%3C1.10", "range=~1.9"] {
                let ranged = try await service.get("/tags/app-example?\(query)").json
                #expect(ranged["latest"] == "v1.9.0" && ranged["tags"] == ["v1.9.0"], "\(query)")
            }
        }
    }

    @Test("a repository without versions has no latest, one that the registry does not know is a 404")
    func tellsEmptyFromUnknown() async throws {
        try await TestService.run { service in
            service.registry.setTags(["nightly"], of: "app-example")
            #expect(try await service.get("/tags/app-example").json["latest"] == .null)
            let unknown = try await service.get("/tags/app-other")
            #expect(unknown.status == 404)
            #expect(try unknown.code == "repository_unknown")
        }
    }

    @Test("answers again from what it knows, unless told not to")
    func asksAnew() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.0.0"], of: "app-example")
            let listing = "/v2/webapp/app-example/tags/list"
            func listings() -> Int { service.registry.asked.count { $0 == listing } }
            for _ in 0..<3 { _ = try await service.get("/tags/app-example") }
            #expect(listings() == 1)
            service.registry.setTags(["v1.0.0", "v1.1.0"], of: "app-example")
            #expect(try await service.get("/tags/app-example").json["latest"] == "v1.0.0")
            for (directive, count) in [
                ("no-cache", 2), ("max-age=0", 3), ("foo, No-Store", 4), ("max-age=60", 4), ("public", 4),
            ] {
                let reply = try await service.get("/next/app-example", ("Cache-Control", directive))
                #expect(try reply.json["current"] == "v1.1.0")
                #expect(reply["age"] != nil && listings() == count, "\(directive)")
            }
        }
    }

    @Test("shows what is behind a tag")
    func showsImage() async throws {
        try await TestService.run { service in
            service.registry.setImage(
                "v1.2.3", of: "app-example", created: "2026-11-22T20:50:01.5+01:00",
                labels: [
                    "org.opencontainers.image.revision": "abc",
                    "org.opencontainers.image.source": "https://git.example/x", "a": "b",
                ])
            let reply = try await service.get("/tags/app-example/v1.2.3")
            #expect(reply.status == 200, "\(reply)")
            let json = try reply.json
            #expect(
                json.names == [
                    "tag", "image", "digest", "mediaType", "size", "platforms", "createdAt", "revision", "source",
                    "labels",
                ])
            #expect(json["tag"] == "v1.2.3" && json["image"] == "registry.example/webapp/app-example:v1.2.3")
            #expect(json["digest"].string?.hasPrefix("sha256:") == true && json["platforms"] == ["linux/arm64"])
            #expect(json["createdAt"] == "2026-11-22T19:50:01.500Z" && json["revision"] == "abc")
            #expect(json["source"] == "https://git.example/x")
            #expect(
                json["labels"].names == ["a", "org.opencontainers.image.revision", "org.opencontainers.image.source"])
            let unknown = try await service.get("/tags/app-example/v9.9.9")
            #expect(unknown.status == 404)
            #expect(try unknown.code == "tag_unknown")
        }
    }

    @Test("tells the next version as the contract has it")
    func tellsNext() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3", "v2.0.0"], of: "app-example")
            for (query, next) in [
                ("", "v2.0.1"), ("?bump=minor", "v2.1.0"), ("?bump=major", "v3.0.0"), ("?range=1.x", "v1.2.4"),
                ("?bump=prerelease&prereleaseId=beta", "v2.0.1-beta.1"), ("?bump=minor&range=%5E1", "v1.3.0"),
            ] {
                let reply = try await service.get("/next/app-example\(query)")
                #expect(reply.status == 200)
                #expect(try reply.json["next"].string == next, "\(query)")
            }
            let json = try await service.get("/next/app-example").json
            #expect(
                json.names == ["webapp", "repository", "current", "next", "image", "bump", "releaseNeeded", "inFlight"])
            #expect(json["current"] == "v2.0.0" && json["bump"] == "patch" && json["releaseNeeded"] == true)
            #expect(json["image"] == "registry.example/webapp/app-example:v2.0.1" && json["inFlight"] == [])

            _ = try await service.startBuild()
            let after = try await service.get("/next/app-example").json
            #expect(after["inFlight"] == ["v2.0.1"] && after["next"] == "v2.0.2")

            let first = try await service.get("/next/app-new").json
            #expect(first["current"] == .null && first["next"] == "v1.0.0")
        }
    }

    @Test("tells what commits ask for")
    func tellsNextOfCommits() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3"], of: "app-example")
            for (body, next) in [
                (#"{"commits":["feat: x","fix: y"]}"#, "v1.3.0"), (#"{"commits":["fix: y"],"bump":"auto"}"#, "v1.2.4"),
                (#"{"commits":["docs: y"],"bump":"minor"}"#, "v1.3.0"),
                (#"{"commits":["feat!: y"],"bump":null}"#, "v2.0.0"),
                (#"{"commits":["fix: y"],"range":"1.x"}"#, "v1.2.4"),
            ] {
                let reply = try await service.post("/next/app-example", body)
                #expect(reply.status == 200, "\(reply)")
                #expect(try reply.json["next"].string == next, "\(body)")
            }
            let none = try await service.post("/next/app-example", #"{"commits":["docs: y","chore: z"]}"#).json
            #expect(
                none["releaseNeeded"] == false && none["next"] == .null && none["image"] == .null
                    && none["bump"] == .null)
            #expect(none["current"] == "v1.2.3")
        }
    }

    @Test("a bump that the range has no room for is a 422 that says why")
    func refusesNoNextVersion() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3"], of: "app-example")
            let reply = try await service.get("/next/app-example?bump=major&range=1.x")
            #expect(reply.status == 422)
            #expect(try reply.code == "no_next_version")
        }
    }

    @Test(
        "trouble of the registry is an error, never a version",
        arguments: [
            (RegistryStub.Answer.body(status: 401, "{}"), 502, "registry_error"),
            (.body(status: 403, "{}"), 502, "registry_error"),
            (.body(status: 500, "oops"), 503, "registry_unavailable"),
            (.body(status: 200, "<html>"), 502, "registry_error"),
            (.body(status: 404, "not json"), 502, "registry_error"),
            (.body(status: 200, "{\"tags\":[\"v1.0.0\""), 502, "registry_error"),
            (.failure(TransportError(.connect, "cannot connect")), 503, "registry_unavailable"),
            (.failure(TransportError(.idleTimeout, "silent")), 504, "registry_timeout"),
            (.body(status: 429, headers: [("Retry-After", "7")], "{}"), 503, "registry_unavailable"),
        ])
    func passesTroubleOn(answer: RegistryStub.Answer, status: Int, code: String) async throws {
        try await TestService.run { service in
            service.registry.set("/v2/webapp/app-example/tags/list", answer)
            let replies = [
                try await service.get("/tags/app-example"), try await service.get("/next/app-example"),
                try await service.post("/next/app-example", #"{"commits":["fix: x"]}"#),
                try await service.post("/builds", #"{"webapp":"app-example"}"#),
            ]
            for reply in replies {
                #expect(reply.status == status, "\(reply)")
                #expect(try reply.code == code && reply["content-type"] == "application/problem+json")
                if case .body(429, _, _) = answer { #expect(reply["retry-after"] == "7") }
            }
            #expect(service.builder.all.isEmpty)
        }
    }
}
