import FoundationEssentials
import OCIDistribution
import RegistryTesting
import SemanticVersions
import SystemPackage
import Testing

@testable import Builds

func plan(_ version: String = "v1.0.0", webapp: String = "app-example", key: String? = nil) throws -> BuildPlan {
    let host = try RegistryHost("registry.example:5000")
    return BuildPlan(
        webapp: try WebappName(webapp), version: try #require(VersionTag(version)),
        image: try ImageReference(
            host: host, repository: Repository("webapp/\(webapp)"), tag: OCIDistribution.Tag(version)),
        git: GitSource(url: "https://git.example/a.git", ref: "main", commit: nil, subdirectory: webapp),
        platforms: [try Platform("linux/arm64")], createdAt: Date(timeIntervalSince1970: 1_700_000_000.25),
        idempotencyKey: key, requestFingerprint: key.map { _ in "f" }, requestedBy: "n8n")
}

@Suite("The directory of local builds")
struct LocalBuildStoreTests {
    /// Takes the lock of a build, and gives it back at once.
    ///
    /// What is given back may not be free at once: a program that another test starts meanwhile has it open, too, until it is
    /// executed (fork(2)).
    private func isFree(_ id: BuildID, in store: LocalBuildStore) throws -> Bool {
        guard let lock = try store.lock(id) else { return false }
        _ = consume lock
        return true
    }

    /// Takes one of two places, and gives it back at once.
    private func hasPlace(_ store: LocalBuildStore) throws -> Bool {
        guard let slot = try store.slot(of: 2) else { return false }
        _ = consume slot
        return true
    }

    private func cancel(_ id: BuildID, in store: LocalBuildStore, _ lock: borrowing FileLock) throws {
        try store.requestCancellation(of: try #require(try store.build(id)))
        try store.settleCancellation(of: id, lock)
    }

    @Test("the request to cancel one attempt does not concern the next one")
    func cancellationIsForOneAttempt() throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        let plan = try plan()
        #expect(try store.reserve(plan))
        var earlier = try #require(try store.build(plan.id))
        earlier.createdAt.addTimeInterval(-1)
        try store.requestCancellation(of: earlier)
        guard let lock = try store.lock(plan.id) else {
            Issue.record("the lock of a new build was taken")
            return
        }
        try store.settleCancellation(of: plan.id, lock)
        #expect(try store.build(plan.id)?.status == .queued)
    }

    @Test("of many who reserve a name at once exactly one gets it")
    func reserve() async throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        let plan = try plan()
        let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { try store.reserve(plan) } }
            return try await group.reduce(into: 0) { count, won in count += won ? 1 : 0 }
        }
        #expect(winners == 1)
        #expect(try store.ids() == [plan.id])
        let leftOver = try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/work")
        #expect(leftOver.isEmpty)
    }

    @Test("a build is read back as it was planned")
    func readBack() throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        let plan = try plan("v1.2.3-rc.1", key: "run-1")
        #expect(try store.reserve(plan))
        #expect(try store.build(plan.id) == plan.queued(message: "waiting for a free place to build"))
        var build = try #require(try store.build(plan.id))
        build.startedAt = Date(timeIntervalSince1970: 1_700_000_001.5)
        build.git.commit = String(repeating: "a", count: 40)
        build.succeed(Digest.sha256(of: []))
        try store.update(build)
        let read = try #require(try store.build(plan.id))
        #expect(read.status == .succeeded && read.digest == build.digest && read.git == build.git)
        #expect(read.startedAt == build.startedAt && read.message == build.message)
        let mode = try FileManager.default.attributesOfItem(atPath: directory.path)[.posixPermissions] as? Int
        #expect(mode != nil)
    }

    @Test("a build's lock has one holder, and says no where there is no build")
    func locks() async throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        let plan = try plan()
        #expect(try !isFree(plan.id, in: store))
        #expect(try store.reserve(plan))
        do {
            guard let lock = try store.lock(plan.id) else {
                Issue.record("the lock of a new build was taken")
                return
            }
            #expect(try !isFree(plan.id, in: store))
            _ = consume lock
        }
        try await eventually("it is free") { try isFree(plan.id, in: store) }
    }

    @Test("a lock on the log of a build that was cancelled meanwhile is not a lock on its successor")
    func staleLock() async throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        let plan = try plan()
        #expect(try store.reserve(plan))
        guard let old = try store.lock(plan.id) else {
            Issue.record("the lock of a new build was taken")
            return
        }
        try cancel(plan.id, in: store, old)
        #expect(try store.reserve(plan))
        let isStill = old.isStill(at: store.log(of: plan.id))
        #expect(!isStill)
        try await eventually("it is free") { try isFree(plan.id, in: store) }
    }

    @Test("a cancelled build frees its name, and can still be asked for until the name is given again")
    func cancellation() throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        let plan = try plan()
        #expect(try store.reserve(plan))
        #expect(try !store.reserve(plan))
        guard let lock = try store.lock(plan.id) else {
            Issue.record("the lock of a new build was taken")
            return
        }
        try cancel(plan.id, in: store, lock)
        #expect(try store.build(plan.id)?.status == .cancelled)
        #expect(try store.all().isEmpty)
        #expect(try store.reserve(plan))
        #expect(try store.build(plan.id)?.status == .queued)
    }

    @Test("only builds that ended long ago are cleaned away")
    func retention() throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        let (old, new, open) = (try plan("v1.0.0"), try plan("v1.0.1"), try plan("v1.0.2"))
        for plan in [old, new, open] { #expect(try store.reserve(plan)) }
        for (plan, end) in [(old, 1000.0), (new, 3000.0)] {
            var build = try #require(try store.build(plan.id))
            build.fail("no")
            build.finishedAt = Date(timeIntervalSince1970: end)
            try store.update(build)
        }
        _ = try store.removeBuilds(endedBefore: Date(timeIntervalSince1970: 2000))
        #expect(Set(try store.ids()) == [new.id, open.id])
    }

    @Test("a directory that somebody damaged is an error that names it, never a build less")
    func damaged() throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        let plan = try plan()
        #expect(try store.reserve(plan))
        try Data("{".utf8).write(to: URL(filePath: store.directory(of: plan.id).appending("plan.json").string))
        let error = #expect(throws: BuildsError.self) { try store.all() }
        #expect(error?.description.contains(plan.id.description) == true)
    }

    @Test("there are as many places as were asked for")
    func places() async throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        try store.prepare()
        guard let first = try store.slot(of: 2), let second = try store.slot(of: 2) else {
            Issue.record("two places were not to be had")
            return
        }
        #expect(try !hasPlace(store))
        _ = consume first
        try await eventually("there is a place again") { try hasPlace(store) }
        _ = consume second
    }
}
