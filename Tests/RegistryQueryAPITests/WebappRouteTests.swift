import Builds
import FoundationEssentials
import HTTPTransport
import Logging
import OCIDistribution
import SemanticVersions
import Testing

@testable import RegistryQueryAPI

struct WebappRouteTests {
    @Test("lists the webapps of the registry's catalog and of builds, once each")
    func listsWebapps() async throws {
        try await TestService.run { service in
            service.registry.set(
                "/v2/_catalog",
                .body(
                    status: 200,
                    #"{"repositories":["webapp/shop","webapp/app","webapp/a/b","webapp","other/x","webapp/No","webapp/app"]}"#
                ))
            _ = try await service.startBuild("zoo")
            _ = try await service.startBuild("app")
            let reply = try await service.get("/webapps")
            #expect(reply.status == 200)
            #expect(
                try reply.json == ["webapps": ["app", "shop", "zoo"], "source": "registry", "message": nil], "\(reply)")
            // Kept for a minute, unless somebody wants to know how it is now.
            service.registry.set("/v2/_catalog", .body(status: 200, #"{"repositories":["webapp/new"]}"#))
            #expect(try await service.get("/webapps").json["webapps"] == ["app", "shop", "zoo"])
            let anew = try await service.get("/webapps", ("Cache-Control", "no-cache"))
            #expect(try anew.json["webapps"] == ["app", "new", "zoo"])
            #expect(service.registry.asked.count { $0 == "/v2/_catalog" } == 2)
        }
    }

    @Test("where the registry does not tell, builds do, and the answer says why", arguments: [401, 403, 404, 405, 501])
    func listsBuilds(status: Int) async throws {
        try await TestService.run { service in
            service.registry.set("/v2/_catalog", .body(status: status, "{}"))
            _ = try await service.startBuild("zoo")
            let json = try await service.get("/webapps").json
            #expect(json["webapps"] == ["zoo"] && json["source"] == "builds")
            #expect(json["message"].string?.contains("answered \(status)") == true)
        }
    }

    @Test(
        "half a catalog is none",
        arguments: [
            (500, "{}", 503), (200, "<html>", 502), (200, #"{"repositories":["webapp/a"]"#, 502), (418, "{}", 502),
        ])
    func refusesHalf(status: Int, body: String, answer: Int) async throws {
        try await TestService.run { service in
            service.registry.set("/v2/_catalog", .body(status: status, body))
            let reply = try await service.get("/webapps")
            #expect(reply.status == answer, "\(reply)")
            service.registry.set(
                "/v2/_catalog",
                .body(status: 200, headers: [("Link", "<?last=a>; rel=next")], #"{"repositories":["webapp/a"]}"#))
            // The stub tells pages apart by their path only: this one leads back to itself.
            #expect(try await service.get("/webapps").status == 502)
        }
    }

    @Test("shows a webapp at a glance")
    func showsOverview() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3", "v1.3.0-rc.1", "latest", "v1.2.2"], of: "app")
            service.registry.setImage("v1.2.3", of: "app", created: "2026-11-22T20:50:01Z", labels: [:])
            let id = try await service.startBuild("app")
            let reply = try await service.get("/webapps/app")
            let json = try reply.json
            #expect(reply.status == 200 && reply.age.map { (0..<60).contains($0) } == true, "\(reply)")
            #expect(
                json.names == [
                    "webapp", "repository", "latest", "digest", "createdAt", "size", "count", "next", "inFlight",
                    "usualDurationSeconds",
                ])
            #expect(json["latest"] == "v1.2.3" && json["count"] == 4 && json["inFlight"] == ["v1.2.4"], "\(reply)")
            #expect(json["next"] == ["patch": "v1.2.5", "minor": "v1.3.0", "major": "v2.0.0"])
            #expect(
                json["createdAt"] == "2026-11-22T20:50:01.000Z" && json["digest"].string?.hasPrefix("sha256:") == true)
            #expect(json["size"] != nil && json["usualDurationSeconds"] == nil)
            service.builder.change(id) { $0.end(.succeeded, after: 40) }
            _ = try await service.get("/builds")
            #expect(try await service.get("/webapps/app").json["usualDurationSeconds"] == .number("40.0"))
            // The image is known by its digest: its manifest and configuration are read once.
            let asked = service.registry.asked
            #expect(
                asked.count { $0.contains("/blobs/") } == 1 && asked.count { $0.hasSuffix("manifests/v1.2.3") } == 1)
        }
    }

    @Test("a webapp without a repository, and one without a release, have no latest version")
    func showsNothing() async throws {
        try await TestService.run { service in
            let new = try await service.get("/webapps/new")
            #expect(new.status == 200)
            let json = try new.json
            for absent in ["latest", "digest", "createdAt", "size"] { #expect(json[absent] == .null) }
            #expect(json["count"] == 0 && json["next"] == ["patch": "v1.0.0", "minor": "v1.0.0", "major": "v1.0.0"])
            service.registry.setTags(["v1.0.0-rc.1"], of: "early")
            #expect(try await service.get("/webapps/early").json["latest"] == .null)
            #expect(try await service.get("/webapps/new/history").json["versions"] == [])
            // The tag went away since it was listed.
            service.registry.setTags(["v1.0.0"], of: "gone")
            let gone = try await service.get("/webapps/gone").json
            #expect(gone["latest"] == "v1.0.0" && gone["digest"] == .null)
            #expect(try await service.get("/webapps/gone/history").json["versions"] == [])
        }
    }

    @Test("shows the highest versions with their times, each image read once, and the builds that have ended")
    func showsHistory() async throws {
        try await TestService.run { service in
            let tags = (0..<40).map { "v1.\($0).0" }
            service.registry.setTags(tags.shuffled() + ["latest"], of: "app")
            for (index, tag) in tags.enumerated() {
                let time = index < 10 ? "2026-11-22T20:50:0\(index)Z" : "2026-11-22T20:51:\(index)Z"
                service.registry.setImage(tag, of: "app", created: time, labels: [:])
            }
            let id = try await service.startBuild("app")
            service.builder.change(id) { $0.end(.failed, after: 2) }
            let other = try await service.startBuild("app")
            let reply = try await service.get("/webapps/app/history")
            let json = try reply.json
            #expect(reply.status == 200 && json.names == ["webapp", "since", "versions", "builds"], "\(reply)")
            #expect(json["versions"].count == 30 && json["versions"][0]["tag"] == "v1.39.0")
            #expect(json["versions"][29]["tag"] == "v1.10.0")
            #expect(json["versions"][0]["createdAt"] == "2026-11-22T20:51:39.000Z")
            #expect(json["versions"][0].names == ["tag", "createdAt", "digest"])
            #expect(json["builds"].count == 1 && json["builds"][0]["id"] == .text(id), "\(other) has not ended")
            #expect(json["builds"][0]["status"] == "failed" && json["builds"][0]["durationSeconds"] == .number("2.0"))
            let before = service.registry.asked.count { $0.contains("/blobs/") }
            #expect(try await service.get("/webapps/app/history?limit=2").json["versions"].count == 2)
            // Versions' tags are not asked for again and again.
            let asked = service.registry.asked
            #expect(tags.suffix(2).allSatisfy { tag in asked.count { $0.hasSuffix("manifests/\(tag)") } == 1 })
            #expect(service.registry.asked.count { $0.contains("/blobs/") } == before && before == 30)
            // One image that cannot be read, and there is no history rather than one with a hole.
            service.registry.setTags(["v2.0.0"] + tags, of: "app")
            service.registry.set("/v2/webapp/app/manifests/v2.0.0", .body(status: 500, "{}"))
            let anew = try await service.get("/webapps/app/history", ("Cache-Control", "no-cache"))
            #expect(anew.status == 503)
            service.builder.change(other) { $0.end(.succeeded, after: 3) }
            service.registry.setTags(tags, of: "app")
            _ = try await service.get("/tags/app", ("Cache-Control", "no-cache"))
            let short = try await service.get("/webapps/app/history?limit=1").json
            #expect(short["builds"].count == 1 && short["builds"][0]["id"] == .text(other))
        }
    }

    @Test("an image that cannot be read is told without what cannot be read, and hides no other")
    func showsOdd() async throws {
        try await TestService.run { service in
            service.registry.setTags(["v1.0.0", "v1.1.0", "v1.2.0"], of: "app")
            for tag in ["v1.0.0", "v1.1.0"] {
                service.registry.setImage(
                    tag, of: "app", created: "2026-11-22T20:5\(tag.dropFirst(3).first ?? "0"):01Z", labels: [:])
            }
            // The configuration of one is no JSON; of the other nothing can be read.
            service.registry.setBrokenImage("v1.1.0", of: "app")
            service.registry.set(
                "/v2/webapp/app/manifests/v1.2.0",
                .body(
                    status: 200,
                    headers: [("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")],
                    #"{"schemaVersion":1}"#))
            let history = try await service.get("/webapps/app/history")
            let versions = try history.json["versions"]
            #expect(versions.count == 3, "\(history)")
            #expect(versions[0]["digest"] == .null && versions[0]["createdAt"] == .null)
            #expect(versions[1]["digest"].string != nil && versions[1]["createdAt"] == .null)
            #expect(versions[2]["digest"].string != nil && versions[2]["createdAt"].string != nil)
            let overview = try await service.get("/webapps/app").json
            #expect(overview["latest"] == "v1.2.0" && overview["size"] == .null)
        }
    }

    @Test("a history that takes too long is none")
    func endsInTime() async throws {
        let clock = StillClock()
        let registry = RegistryStub()
        registry.setTags(["v1.0.0"], of: "app")
        registry.set("/v2/webapp/app/manifests/v1.0.0", .silence)
        let host = try RegistryHost("registry.example")
        let client = RegistryClient(
            configuration: .init(registry: host, endpoint: try HTTPURL("http://registry.example"), retry: .none),
            transport: registry, credentials: CredentialStore(directory: nil, logger: Logger(label: "test")),
            logger: Logger(label: "test"))
        let versions = VersionService(
            naming: try ImageNaming(registry: host, prefix: "webapp"),
            policy: VersionPolicy(initial: try #require(VersionTag("v1.0.0"))), registry: client,
            listings: SharedTagListings(maxAge: .seconds(60)) { try await client.tags(of: $0) },
            builder: MemoryBuilder(), clock: clock)
        let asking = Task { try await versions.versions(of: WebappName("app"), limit: 1, freshness: .cached) }
        try await eventually("the tag is asked for") { registry.asked.contains("/v2/webapp/app/manifests/v1.0.0") }
        let ticking = Task {
            while !Task.isCancelled {
                clock.advance(by: .seconds(20))
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        defer { ticking.cancel() }
        let error = await #expect(throws: RegistryError.self) { try await asking.value }
        #expect(error?.code == .timeout && error?.summary.contains("complete answer") == true)
    }

    @Test(
        "refuses what it does not know",
        arguments: [
            ("/webapps?x=1", 400), ("/webapps/App", 422), ("/webapps/app?limit=1", 400), ("/webapps/App/history", 422),
            ("/webapps/app/history?limit=0", 422), ("/webapps/app/history?limit=101", 422),
            ("/webapps/app/history?limit=1&limit=2", 400), ("/caller?x=", 400), ("/events?webapp=app", 400),
            ("/webapps/app/x", 404), ("/webapps/", 404),
        ])
    func refusesInput(target: String, status: Int) async throws {
        try await TestService.run { service in
            let reply = try await service.get(target)
            #expect(reply.status == status, "\(reply)")
            #expect(service.registry.asked.allSatisfy { $0 == "/v2/" })
        }
    }

    @Test("a HEAD is a GET without the body")
    func answersHead() async throws {
        try await TestService.run { service in
            for target in ["/webapps", "/webapps/app", "/webapps/app/history", "/caller"] {
                let (get, head) = (try await service.get(target), try await service.send("HEAD", target))
                #expect(
                    head.status == get.status && head.body.isEmpty && head["content-length"] == get["content-length"])
            }
            #expect(try await service.send("HEAD", "/events").status == 405)
        }
    }

    @Test("tells a caller who it is")
    func tellsCaller() async throws {
        let file = try TokenFixture()
        try await TestService.run(.with(\.access, file.access)) { service in
            let viewer = try await service.get("/caller", ("Authorization", "Bearer viewer-0123456789abcdef"))
            #expect(try viewer.json == ["name": "viewer", "scopes": ["read"]])
            for target in ["/caller", "/webapps", "/webapps/app", "/webapps/app/history", "/events"] {
                #expect(try await service.get(target).status == 401, "\(target)")
            }
            let retry = try await service.send(
                "POST", "/builds/x/retry", [("Authorization", "Bearer viewer-0123456789abcdef")])
            #expect(retry.status == 403)
        }
        withExtendedLifetime(file) {}
        try await TestService.run { service in
            let json = try await service.get("/caller").json
            #expect(json["name"] == .null && json["scopes"] == .texts(AccessScope.allCases.map(\.rawValue)))
        }
    }
}

struct RetryRouteTests {
    @Test("builds the same commit again under the next version, once for each key")
    func retries() async throws {
        let commit = String(repeating: "ab", count: 20)
        try await TestService.run { service in
            service.registry.setTags(["v1.2.3"], of: "app")
            let id = try await service.startBuild("app")
            service.builder.change(id) { build in
                build.git.commit = commit
                build.callbackURL = "https://n8n.example/x"
                build.end(.failed, after: 2)
            }
            let reply = try await service.send("POST", "/builds/\(id)/retry", [("Idempotency-Key", "again")])
            #expect(reply.status == 202 && reply["retry-after"] == "2", "\(reply)")
            let json = try reply.json
            #expect(json["tag"] == "v1.2.5" && json["git"]["commit"] == .string(commit) && json["callback"] == .null)
            #expect(reply["location"] == json["id"].string.map { "/builds/\($0)" } && json["id"] != .text(id))
            let again = try await service.send("POST", "/builds/\(id)/retry", [("Idempotency-Key", "again")])
            #expect(again.status == 200 && again["idempotent-replayed"] == "true")
            #expect(try again.json["id"] == json["id"] && service.builder.all.count == 2)
        }
    }

    @Test("refuses what cannot be tried again")
    func refuses() async throws {
        try await TestService.run { service in
            let id = try await service.startBuild("app")
            let early = try await service.send("POST", "/builds/\(id)/retry")
            #expect(early.status == 409)
            #expect(try early.code == "build_not_finished")
            for (target, status) in [
                ("/builds/none/retry", 404), ("/builds/No/retry", 422), ("/builds/\(id)/retry?x=1", 400),
            ] {
                #expect(try await service.send("POST", target).status == status, "\(target)")
            }
            #expect(try await service.send("POST", "/builds/\(id)/retry", [("Idempotency-Key", "a b")]).status == 400)
            #expect(try await service.get("/builds/\(id)/retry").status == 405)
            service.builder.change(id) { $0.end(.failed, after: 2) }
            for (body, code) in [
                (#"{"callbackUrl":"https://n8n.example"}"#, "unknown_field"), ("[]", "wrong_type"),
                ("x", "malformed_json"),
            ] {
                let reply = try await service.post("/builds/\(id)/retry", body)
                #expect(reply.status == 400, "\(reply)")
                #expect(try reply.code == code)
            }
            #expect(service.builder.all.count == 1)
            #expect(try await service.post("/builds/\(id)/retry", "{}").status == 202)
        }
    }
}

extension Build {
    /// Lets it have ended just now, after that many seconds.
    mutating func end(_ status: Status, after seconds: Double) {
        let now = Date()
        (self.status, startedAt, finishedAt) = (status, now, now.addingTimeInterval(seconds))
    }
}
