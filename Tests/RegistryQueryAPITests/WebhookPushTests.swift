import Builds
import FoundationEssentials
import HTTPTransport
import OCIDistribution
import SemanticVersions
import Testing

@testable import RegistryQueryAPI

/// What pushes lead to.
struct WebhookPushTests {
    private static let members = [
        "event", "repository", "ref", "commit", "complete", "note", "builds", "skipped", "failed",
    ]

    @Test(
        "a push builds what it touches, each webapp by the bump of its own commits, pinned to the commit that was pushed"
    )
    func builds() async throws {
        let payload = PushPayload(
            .init("feat: a list", "shop/index.html", id: 1), .init("fix: y", "cart/x", "README.md", id: 2),
            .init("docs: z", "blog/x", id: 3),
            .init("feat!: new", id: 4, added: ["fresh/Dockerfile"], removed: ["gone/Dockerfile"]),
            .init("fix: note", "notes/x", ".github/x.yml", id: 5))
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook())) { service in
            service.registry.setTags(["v1.2.3"], of: "shop")
            service.registry.setTags(["v2.0.0", "latest"], of: "cart")
            service.registry.setTags([], of: "gone")
            let reply = try await service.deliver(payload)
            #expect(reply.status == 200, "\(reply)")
            let json = try reply.json
            #expect(json.names == Self.members)
            #expect(
                json["event"] == "push" && json["repository"] == "example/webapps" && json["ref"] == "refs/heads/main")
            #expect(json["commit"].string == PushPayload.id(5) && json["complete"] == true && json["note"] == .null)
            #expect(json["failed"] == [] && json["builds"].count == 3)
            let built = service.builder.all.sorted { $0.webapp < $1.webapp }
            #expect(built.map(\.version.tag) == ["v2.0.1", "v1.0.0", "v1.3.0"])
            for build in built {
                #expect(
                    build.git
                        == GitSource(
                            url: "https://user:secret-password@git.example/webapps.git", ref: "main",
                            commit: PushPayload.id(5), subdirectory: build.webapp.description))
                #expect(build.requestedBy == "github/octocat" && build.callbackURL == nil)
            }
            let listed = (0..<3).map { json["builds"][$0]["webapp"].string }
            #expect(listed == ["cart", "fresh", "shop"])
            #expect(try await service.get("/builds/\(built[0].id)").json["tag"] == json["builds"][0]["tag"])
            let skipped = (0..<3).map {
                "\(json["skipped"][$0]["path"].string ?? "") \(json["skipped"][$0]["reason"].string ?? "")"
            }
            #expect(json["skipped"].count == 3)
            #expect(skipped[0].hasPrefix("blog no commit") && skipped[1].hasPrefix("gone its Dockerfile"))
            #expect(skipped[2].hasPrefix("notes nothing shows") && skipped[2].contains("WEBAPP_PATHS"))
            #expect(!reply.text.contains("secret-password"))
        }
    }

    @Test(
        "without a repository of the operator the pushed one is cloned; whoever pushed is named where that is possible")
    func sources() async throws {
        let webhook = try GitHubStub.webhook(paths: "apps/*", url: nil)
        try await TestService.run(GitHubStub.configuration(webhook)) { service in
            var payload = PushPayload(.init("fix: x", "apps/shop/x"))
            payload.changes["sender"] = ["login": "dependabot[bot]"]
            #expect(try await service.deliver(payload).json["builds"].count == 1)
            let build = try #require(service.builder.all.first)
            #expect(build.git.url == "https://github.com/example/webapps.git" && build.git.subdirectory == "apps/shop")
            #expect(build.requestedBy == "github/dependabot[bot]")
            for (number, sender) in [JSONValue.null, ["login": "a\nb"], ["login": ""], [:]].enumerated() {
                payload.changes["sender"] = sender
                payload.after = PushPayload.id(10 + number)
                let reply = try await service.deliver(payload)
                #expect(try reply.json["builds"][0]["requestedBy"] == "github", "\(reply)")
            }
        }
    }

    @Test("a push of twenty webapps builds twenty, and a redelivery answers with the same builds")
    func redelivers() async throws {
        let payload = PushPayload(.init("feat: all")).with {
            $0.commits[0].modified = (1...20).map { "app-\($0)/index.html" }
        }
        let other = payload.with { $0.pushedAt = "2026-11-22T20:50:03Z" }
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "app-*"))) { service in
            let first = try await service.deliver(payload)
            #expect(first.status == 200 && service.builder.all.count == 20)
            #expect(Set(service.builder.all.map(\.webapp)).count == 20)
            for _ in 0..<2 { #expect(try await service.deliver(payload).json == first.json) }
            #expect(
                try await service.deliver(other).json["builds"] == first.json["builds"], "another hook of the same push"
            )
            async let one = service.deliver(payload)
            async let two = service.deliver(payload)
            #expect(try await one.json == two.json)
            #expect(service.builder.all.count == 20)
        }
    }

    @Test("deliveries at the same time start each build once")
    func deliversAtOnce() async throws {
        let push = PushPayload(.init("feat: all")).with {
            $0.commits[0].modified = (1...5).map { "app-\($0)/index.html" }
        }
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "app-*"))) { service in
            let answers = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let json = try await service.deliver(push).json
                        return (0..<5).compactMap { json["builds"][$0]["id"].string }
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(answers.count == 1 && service.builder.all.count == 5)
        }
    }

    @Test("what could not be created is named in a 503, and a redelivery completes it and starts nothing twice")
    func completes() async throws {
        let payload = PushPayload(.init("fix: x", "app-a/x", "app-b/x", "app-c/x"), .init("docs: x", "app-d/x", id: 1))
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "app-*"))) { service in
            service.registry.set("/v2/webapp/app-b/tags/list", .body(status: 503, "{}"))
            let reply = try await service.deliver(payload)
            #expect(try reply.status == 503 && reply.code == "builds_not_started", "\(reply)")
            #expect(reply["content-type"] == "application/problem+json")
            let json = try reply.json
            #expect(Array(json.names.suffix(Self.members.count)) == Self.members)
            #expect(json["builds"].count == 2 && json["failed"].count == 1 && json["skipped"].count == 1)
            #expect(json["failed"][0].names == ["webapp", "code", "message"])
            #expect(json["failed"][0]["webapp"] == "app-b" && json["failed"][0]["code"] == "registry_unavailable")
            #expect(json["message"].string?.contains("app-b") == true)
            #expect(service.builder.all.count == 2)
            service.registry.setTags(["v1.0.0"], of: "app-b")
            let again = try await service.deliver(payload)
            #expect(again.status == 200)
            #expect(try again.json["builds"].count == 3 && again.json["failed"] == [])
            #expect(try again.json["builds"][0] == json["builds"][0] && again.json["builds"][2] == json["builds"][1])
            #expect(service.builder.all.count == 3)
        }
    }

    @Test("a builder that cannot be asked fails every webapp, and nothing is lost")
    func builderFails() async throws {
        let payload = PushPayload(.init("fix: x", "app-a/x", "app-b/x"))
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "app-*"))) { service in
            service.builder.fail(BuildsError(.builderUnavailable, "the disk is gone"))
            let reply = try await service.deliver(payload)
            #expect(reply.status == 503)
            #expect(try reply.json["failed"].count == 2 && reply.json["failed"][0]["code"] == "builder_unavailable")
            service.builder.fail(nil)
            #expect(try await service.deliver(payload).json["builds"].count == 2)
        }
    }

    @Test("a registry that hangs holds the answer up for no longer than the time there is, and no other webapp")
    func hangs() async throws {
        let payload = PushPayload(.init("fix: x", "app-a/x", "app-b/x"))
        let patient = try GitHubStub.webhook(paths: "app-*", answerWithin: .seconds(8))
        let usual = GitHubWebhook(secrets: patient.secrets, git: patient.git, paths: patient.paths)
        #expect(usual.answerWithin == .milliseconds(8500), "GitHub waits for 10 s")
        try await TestService.run(GitHubStub.configuration(patient)) { service in
            service.registry.set("/v2/webapp/app-b/tags/list", .silence)
            let reply = try await service.deliver(payload)
            #expect(reply.status == 503, "\(reply)")
            #expect(try reply.json["builds"].count == 1 && reply.json["failed"].count == 1)
            #expect(
                try reply.json["failed"][0]["webapp"] == "app-b"
                    && reply.json["failed"][0]["code"] == "deadline_exceeded")
        }
    }

    @Test("where everything hangs, every webapp is named", arguments: ["registry", "builder"])
    func hangsWholly(what: String) async throws {
        // More than are looked after at a time: those that never had their turn are named, too.
        let payload = PushPayload(.init("fix: x")).with {
            $0.commits[0].modified = (1...12).map { "app-\($0)/x" }
        }
        // As long as a small payload may take to arrive in any case.
        let webhook = try GitHubStub.webhook(paths: "app-*", answerWithin: .seconds(5))
        try await TestService.run(GitHubStub.configuration(webhook)) { service in
            if what == "registry" {
                for number in 1...12 { service.registry.set("/v2/webapp/app-\(number)/tags/list", .silence) }
            } else {
                service.builder.beSilent()
            }
            let reply = try await service.deliver(payload)
            #expect(reply.status == 503, "\(reply)")
            #expect(try reply.json["failed"].count == 12 && reply.json["builds"] == [])
            service.builder.beSilent(false)
        }
    }

    @Test("a payload that does not tell all says so, and what it tells is used")
    func incomplete() async throws {
        let many = PushPayload().with {
            $0.commits = (1...2048).map { .init("fix: \($0)", "app-b/x", id: $0) }
        }
        let lists = PushPayload(.init("fix: x", "app-c/x")).with {
            $0.commits[0].added = (1...3000).map { "docs/\($0)" }
        }
        let unlisted = PushPayload(.init("fix: x", "app-d/x")).text.replacing(#""removed":[],"#, with: "")
        let beyond = PushPayload(.init("fix: x", "app-e/x")).text
            .replacing(#""after":"\#(PushPayload.id(1))"#, with: #""after":"\#(PushPayload.id(99))"#)
        let whole = PushPayload(.init("fix: x", "app-f/x")).text
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "app-*"))) { service in
            for (body, reason) in [
                (many.text, "2048"), (lists.text, "all files"), (unlisted, "all files"),
                (beyond, "not among"),
            ] {
                let json = try await service.deliver(body).json
                #expect(json["complete"] == false && json["note"].string?.contains(reason) == true, "\(json)")
                #expect(json["builds"].count == 1, "\(json)")
            }
            let json = try await service.deliver(whole).json
            #expect(json["complete"] == true && json["note"] == .null)
            let nothing = try await service.deliver(PushPayload(.init("fix: x", "README.md"))).json
            #expect(nothing["builds"] == [] && nothing["skipped"] == [])
            #expect(nothing["note"].string?.contains("WEBAPP_PATHS app-*") == true)
        }
    }

    @Test("a push that was delivered late does not become the newest version")
    func late() async throws {
        let early = PushPayload(.init("fix: a", "shop/x", id: 1))
        let later = PushPayload(.init("fix: b", "shop/x", id: 2)).with {
            $0.pushedAt = 1_795_377_002
            $0.before = PushPayload.id(1)
        }
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "shop,cart"))) { service in
            #expect(try await service.deliver(later).json["builds"].count == 1)
            let json = try await service.deliver(early).json
            #expect(json["builds"] == [] && json["skipped"][0]["webapp"] == "shop")
            #expect(
                json["skipped"][0]["reason"].string?.contains("a later push was built as v1.0.0") == true, "\(json)")
            #expect(service.builder.all.count == 1)
            // Once its Job is gone, the image says it.
            func publish(revision: String, created: String) {
                service.registry.setTags(["v3.0.0", "v2.0.0", "v4.0.0-rc.1"], of: "cart")
                service.registry.setImage(
                    "v3.0.0", of: "cart", created: "2026-11-22T23:00:00Z",
                    labels: [
                        "org.opencontainers.image.revision": revision, "org.opencontainers.image.created": created,
                    ])
            }
            let push = PushPayload(.init("fix: c", "cart/x", id: 3))
            publish(revision: PushPayload.id(3), created: "2026-11-01T00:00:00Z")
            var reason = try await service.deliver(push).json["skipped"][0]["reason"].string
            #expect(reason == "it was built already as v3.0.0")
            publish(revision: PushPayload.id(9), created: "2026-11-22T20:51:00Z")
            reason = try await service.deliver(push).json["skipped"][0]["reason"].string
            #expect(reason?.contains("v3.0.0 was made after this push") == true)
            // When it was reserved counts, not when its layers were made.
            publish(revision: PushPayload.id(9), created: "2026-11-22T19:00:00Z")
            #expect(try await service.deliver(push).json["builds"][0]["tag"] == "v3.0.1")
        }
    }

    @Test("of two pushes at the same time the earlier one does not get the higher version")
    func overtaken() async throws {
        let payload = PushPayload(.init("fix: a", "shop/x", id: 1))
        let later = Push(
            repository: "example/webapps", ref: "refs/heads/main", before: PushPayload.id(1), after: PushPayload.id(2),
            pushedAt: 1_795_377_009, commits: [])
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "shop"))) { service in
            let webapp = try WebappName("shop")
            let version = try #require(VersionTag("v1.0.0"))
            let plan = BuildPlan(
                webapp: webapp, version: version, image: try ImageReference("registry.example/webapp/shop:v1.0.0"),
                git: GitSource(url: "https://git.example/x.git", ref: "main", commit: nil, subdirectory: "shop"),
                createdAt: Date(), idempotencyKey: "\(PushKey(later, webapp: webapp))")
            // While the earlier push looks at the registry, another replica starts the build of the later one.
            service.registry.set(
                "/v2/webapp/shop/tags/list",
                .computed { [builder = service.builder] in
                    _ = try await builder.create(plan)
                    return #"{"name":"webapp/shop","tags":[]}"#
                })
            let json = try await service.deliver(payload).json
            #expect(json["builds"] == [] && json["failed"] == [])
            #expect(json["skipped"][0]["reason"].string?.contains("v1.0.0") == true, "\(json)")
            let builds = service.builder.all.sorted { $0.version < $1.version }
            #expect(builds.map(\.version.tag) == ["v1.0.0", "v1.0.1"])
            #expect(builds.map(\.status) == [.queued, .cancelled])
        }
    }
}
