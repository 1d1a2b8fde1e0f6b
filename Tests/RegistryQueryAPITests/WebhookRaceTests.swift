import Builds
import FoundationEssentials
import OCIDistribution
import SemanticVersions
import Synchronization
import Testing

@testable import RegistryQueryAPI

/// What becomes of pushes that arrive at the same time, at several replicas.
struct WebhookRaceTests {
    private let older = PushPayload(.init("feat: a", "shop/x", id: 1))
    private let newer = PushPayload(.init("fix: b", "shop/x", id: 2)).with {
        $0.pushedAt = 1_795_377_009
        $0.before = PushPayload.id(1)
    }

    /// The build that another replica starts for a push.
    private func plan(_ version: String, older isOlder: Bool) throws -> BuildPlan {
        let webapp = try WebappName("shop")
        let push = Push(
            repository: "example/webapps", ref: "refs/heads/main", before: PushPayload.id(isOlder ? 0 : 1),
            after: PushPayload.id(isOlder ? 1 : 2), pushedAt: isOlder ? 1_795_377_001 : 1_795_377_009, commits: [])
        return BuildPlan(
            webapp: webapp, version: try #require(VersionTag(version)),
            image: try ImageReference("registry.example/webapp/shop:\(version)"),
            git: GitSource(url: "https://git.example/x.git", ref: "main", commit: nil, subdirectory: "shop"),
            createdAt: Date(), idempotencyKey: "\(PushKey(push, webapp: webapp))")
    }

    /// Runs a service where another replica creates a build between the look at the builds and the choice of a version.
    private func run(
        _ plan: BuildPlan, as status: Build.Status = .queued, _ body: @Sendable (TestService) async throws -> Void
    ) async throws {
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "shop"))) { service in
            let looks = Mutex(0)
            service.registry.set(
                "/v2/webapp/shop/tags/list",
                .computed { [builder = service.builder] in
                    let look = looks.withLock { looks in
                        looks += 1
                        return looks
                    }
                    if look == 2 {
                        _ = try await builder.create(plan)
                        builder.change(plan.id) { $0.status = status }
                    }
                    return #"{"name":"webapp/shop","tags":["v1.0.0"]}"#
                })
            try await body(service)
        }
    }

    private func states(_ service: TestService) -> [String] {
        service.builder.all.sorted { $0.version < $1.version }.map { "\($0.version.tag) \($0.status)" }
    }

    @Test("an older push with a larger bump is cancelled by the newer one that did not see it before")
    func cancelsOlder() async throws {
        let plan = try plan("v1.1.0", older: true)
        try await run(plan) { service in
            let json = try await service.deliver(newer).json
            #expect(json["builds"].count == 1 && json["builds"][0]["tag"] == "v1.0.1", "\(json)")
            #expect(json["note"].string?.contains("build-shop-v1-1-0 of an earlier push was cancelled") == true)
            #expect(states(service) == ["v1.0.1 queued", "v1.1.0 cancelled"])
            let again = try await service.deliver(older).json
            #expect(again["builds"] == [] && again["skipped"].count == 1)
        }
    }

    @Test("an older push takes its own build back when it sees the newer one's after it")
    func takesBack() async throws {
        try await run(try plan("v1.0.1", older: false)) { service in
            let json = try await service.deliver(older).json
            #expect(json["builds"] == [] && json["failed"] == [])
            #expect(json["skipped"][0]["reason"].string?.contains("v1.0.1") == true, "\(json)")
            #expect(states(service) == ["v1.0.1 queued", "v1.1.0 cancelled"])
        }
    }

    @Test("above an older push that has ended, the newer one is built anew, and redeliveries say the same")
    func buildsAnew() async throws {
        try await run(try plan("v1.1.0", older: true), as: .succeeded) { service in
            for _ in 0..<2 {
                let json = try await service.deliver(newer).json
                #expect(json["builds"].count == 1 && json["builds"][0]["tag"] == "v1.1.1", "\(json)")
                #expect(states(service) == ["v1.0.1 cancelled", "v1.1.0 succeeded", "v1.1.1 queued"])
            }
            #expect(try await service.deliver(older).json["builds"][0]["tag"] == "v1.1.0")
        }
    }

    @Test("a redelivery does not confirm what an earlier delivery could not check", arguments: [true, false])
    func redelivers(isOlder: Bool) async throws {
        try await TestService.run(GitHubStub.configuration(try GitHubStub.webhook(paths: "shop"))) { service in
            _ = try await service.builder.create(try plan("v1.1.0", older: true))
            _ = try await service.builder.create(try plan("v1.0.1", older: false))
            let json = try await service.deliver(isOlder ? older : newer).json
            #expect(json["builds"].count == (isOlder ? 0 : 1), "\(json)")
            #expect(states(service) == ["v1.0.1 queued", "v1.1.0 cancelled"])
        }
    }

    @Test("however pushes meet at two replicas, each is built once at most and the newest is the highest")
    func race() async throws {
        let builder = MemoryBuilder()
        builder.linger(upToMilliseconds: 8)
        let configuration = GitHubStub.configuration(try GitHubStub.webhook(paths: "app-*"))
        try await TestService.run(configuration, builder: builder) { one in
            try await TestService.run(configuration, builder: builder) { two in
                for round in 1...12 {
                    let name = "app-\(round)"
                    for service in [one, two] { service.registry.setTags(["v1.0.0"], of: name) }
                    // Each push is told by two hooks, a second apart.
                    try await withThrowingTaskGroup { group in
                        for (index, service) in [one, two, two, one].enumerated() {
                            let isOlder = index.isMultiple(of: 2)
                            let payload = (isOlder ? older : newer).with {
                                $0.commits[0].modified = ["\(name)/x"]
                                $0.pushedAt = .number("\((isOlder ? 1_795_377_001 : 1_795_377_009) + index / 2)")
                            }
                            group.addTask {
                                let reply = try await service.deliver(payload)
                                #expect(reply.status == 200, "\(reply)")
                            }
                        }
                        try await group.waitForAll()
                    }
                    let living = builder.all.filter { $0.webapp.description == name && $0.status != .cancelled }
                        .sorted { $0.version < $1.version }
                    let commits = living.compactMap(\.git.commit)
                    #expect(commits.last == PushPayload.id(2), "\(living)")
                    #expect(Set(commits).count == living.count, "\(living)")
                }
            }
        }
    }
}
