import Logging
import OCIDistribution
import SemanticVersions
import Synchronization
import Testing

@testable import Builds

@Suite("Moving tags")
struct MovingTagsTests {
    /// What is there, what has come, and what the moving tags point to then.
    struct Case: Sendable, CustomTestStringConvertible {
        var tags: [String]
        var after: String
        var kinds = Set(MovingTags.Kind.allCases)
        var filter: String?
        var moving: [String: String]

        var testDescription: String { "\(tags) after \(after)" }
    }

    static func movingTags(
        _ registry: any MovingTagRegistry, kinds: Set<MovingTags.Kind> = Set(MovingTags.Kind.allCases),
        filter: String? = nil
    ) throws -> MovingTags {
        MovingTags(
            kinds: kinds, registry: registry,
            policy: VersionPolicy(
                initial: try #require(VersionTag("v1.0.0")), filter: try filter.map { try TagFilter($0) }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @discardableResult
    static func advance(
        _ tags: MovingTags, after version: String, isStillAllowed: @Sendable () -> Bool = { true }
    ) async throws -> [MovingTags.Moved] {
        try await tags.advance(
            try #require(MovingTagsRegistry.repository), after: try #require(VersionTag(version)),
            isStillAllowed: isStillAllowed)
    }

    // MARK: Where they point to

    static let cases = [
        Case(
            tags: ["v1.0.0"], after: "v1.0.0", moving: ["latest": "v1.0.0", "v1": "v1.0.0", "v1.0": "v1.0.0"]),
        Case(
            tags: ["v1.0.0", "v1.1.0", "v2.0.0", "v1.1.1"], after: "v1.1.1",
            moving: ["latest": "v2.0.0", "v1": "v1.1.1", "v1.1": "v1.1.1"]),
        // The lower one ends last.
        Case(
            tags: ["v1.1.1", "v1.1.0", "v2.0.0", "v1.2.0"], after: "v1.1.0",
            moving: ["latest": "v2.0.0", "v1": "v1.2.0", "v1.1": "v1.1.1"]),
        // Numbers are compared, not texts.
        Case(
            tags: ["v1.9.0", "v1.10.0", "v1.2.0", "v10.0.0", "v9.0.0"], after: "v1.9.0",
            moving: ["latest": "v10.0.0", "v1": "v1.10.0", "v1.9": "v1.9.0"]),
        Case(
            tags: ["v18446744073709551616.0.0", "v2.0.0"], after: "v2.0.0",
            moving: ["latest": "v18446744073709551616.0.0", "v2": "v2.0.0", "v2.0": "v2.0.0"]),
        // v1 is not v10 or v11, nor v1.1 v1.10.
        Case(
            tags: ["v1.1.0", "v1.10.0", "v11.0.0"], after: "v1.1.0",
            moving: ["latest": "v11.0.0", "v1": "v1.10.0", "v1.1": "v1.1.0"]),
        Case(tags: ["v0.1.0"], after: "v0.1.0", moving: ["latest": "v0.1.0", "v0": "v0.1.0", "v0.1": "v0.1.0"]),
        // Prereleases are not released.
        Case(
            tags: ["v1.2.0", "v1.2.1-rc.1", "v2.0.0-rc.1"], after: "v1.2.0",
            moving: ["latest": "v1.2.0", "v1": "v1.2.0", "v1.2": "v1.2.0"]),
        // The spelling is the version's own, and the highest counts in either.
        Case(tags: ["1.2.3"], after: "1.2.3", moving: ["latest": "1.2.3", "1": "1.2.3", "1.2": "1.2.3"]),
        Case(
            tags: ["v1.2.3", "1.3.0"], after: "1.3.0", moving: ["latest": "1.3.0", "1": "1.3.0", "1.3": "1.3.0"]),
        Case(
            tags: ["v1.2.3", "1.3.0"], after: "v1.2.3", moving: ["latest": "1.3.0", "v1": "1.3.0", "v1.2": "v1.2.3"]),
        // Of two spellings of one version it is the one that the repository prefers, whichever of them has come.
        Case(
            tags: ["v1.2.3", "1.2.3", "1.2.2"], after: "v1.2.3",
            moving: ["latest": "1.2.3", "v1": "1.2.3", "v1.2": "1.2.3"]),
        // What is no version does not count, moving tags among it.
        Case(
            tags: ["v1.0.0", "v1", "v1.0", "latest", "main", "2024.01.02", "9", "v9", "v9.9"], after: "v1.0.0",
            moving: ["latest": "v1.0.0", "v1": "v1.0.0", "v1.0": "v1.0.0"]),
        // The filter decides what counts.
        Case(
            tags: ["v1.0.0", "v2.0.0", "2024.1.2"], after: "v1.0.0", filter: #"^v1\."#,
            moving: ["latest": "v1.0.0", "v1": "v1.0.0", "v1.0": "v1.0.0"]),
        Case(tags: ["v1.0.0", "v1.1.0"], after: "v1.0.0", kinds: [.latest], moving: ["latest": "v1.1.0"]),
        Case(tags: ["v1.0.0", "v1.1.0"], after: "v1.0.0", kinds: [.major], moving: ["v1": "v1.1.0"]),
        Case(tags: ["v1.0.0", "v1.1.0"], after: "v1.0.0", kinds: [.minor], moving: ["v1.0": "v1.0.0"]),
        // What has come may be gone again.
        Case(tags: ["v1.0.0"], after: "v1.1.0", moving: ["latest": "v1.0.0", "v1": "v1.0.0"]),
        Case(tags: [], after: "v1.1.0", moving: [:]),
    ]

    @Test("they point to the highest release, with its digest", arguments: cases)
    func highest(_ test: Case) async throws {
        let registry = try MovingTagsRegistry(test.tags)
        let tags = try Self.movingTags(registry, kinds: test.kinds, filter: test.filter)
        let moved = try await Self.advance(tags, after: test.after)
        #expect(registry.moving == test.moving)
        for (tag, version) in test.moving { #expect(registry.digest(tag) == registry.digest(version)) }
        #expect(Dictionary(moved.map { ($0.tag.name, $0.version.tag) }) { $1 } == test.moving)
        #expect(moved.allSatisfy { $0.to == registry.digest($0.tag.name) && VersionTag($0.tag.name) == nil })
        #expect(moved.allSatisfy { ($0.from != nil) == test.tags.contains($0.tag.name) })
    }

    @Test("a tag that is right is not written again", arguments: cases)
    func nothingToDo(_ test: Case) async throws {
        let registry = try MovingTagsRegistry(test.tags)
        let tags = try Self.movingTags(registry, kinds: test.kinds, filter: test.filter)
        try await Self.advance(tags, after: test.after)
        let before = registry.calls.count
        #expect(try await Self.advance(tags, after: test.after).isEmpty)
        #expect(registry.calls.dropFirst(before).allSatisfy { !$0.isWrite })
        #expect(registry.calls.count > before)
    }

    @Test(
        "a prerelease, a version that does not count, and no kinds at all move nothing and ask nothing",
        arguments: [
            Case(tags: ["v1.0.0", "v1.1.0-rc.1"], after: "v1.1.0-rc.1", moving: [:]),
            Case(tags: ["v1.0.0", "v2.0.0"], after: "v2.0.0", filter: #"^v1\."#, moving: [:]),
            Case(tags: ["v1.0.0"], after: "v1.0.0", kinds: [], moving: [:]),
        ])
    func nothingAsked(_ test: Case) async throws {
        let registry = try MovingTagsRegistry(test.tags)
        let tags = try Self.movingTags(registry, kinds: test.kinds, filter: test.filter)
        #expect(try await Self.advance(tags, after: test.after).isEmpty)
        #expect(registry.calls.isEmpty)
    }

    // MARK: What goes on meanwhile

    @Test("a release that appears while tags are moved counts, even if nobody reports it")
    func meanwhile() async throws {
        let registry = try MovingTagsRegistry(["v1.0.0"]) { registry, call, moment in
            if call == .write("latest"), moment == .before, registry.digest("v1.0.1") == nil {
                try registry.push("v1.0.1")
                try registry.push("v2.0.0")
            }
        }
        let moved = try await Self.advance(Self.movingTags(registry), after: "v1.0.0")
        #expect(registry.moving == ["latest": "v2.0.0", "v1": "v1.0.1", "v1.0": "v1.0.1"])
        #expect(
            moved.map { "\($0.tag) \($0.version.tag)" } == [
                "latest v1.0.0", "v1 v1.0.0", "v1.0 v1.0.0", "latest v2.0.0", "v1 v1.0.1", "v1.0 v1.0.1",
            ])
    }

    @Test("it comes to an end when releases come without end")
    func bounded() async throws {
        let number = StepCounter()
        let registry = try MovingTagsRegistry(["v1.0.0"]) { registry, call, moment in
            guard call == .write("latest"), moment == .after else { return }
            try registry.push("v1.\(number.next() + 1).0")
        }
        let error = await #expect(throws: MovingTags.Incomplete.self) {
            try await Self.advance(Self.movingTags(registry, kinds: [.latest]), after: "v1.0.0")
        }
        #expect(error?.reason == .unsettled)
        #expect(error?.moved.map(\.version.tag) == ["v1.0.0", "v1.1.0", "v1.2.0"])
        #expect(registry.calls.count { $0 == .list } == MovingTags.mostRounds + 1)
    }

    @Test("whether it is still allowed is asked right before each write", arguments: 0...3)
    func allowed(writes: Int) async throws {
        let registry = try MovingTagsRegistry(["v1.0.0"])
        let tags = try Self.movingTags(registry)
        let asked = StepCounter()
        let advance = { try await Self.advance(tags, after: "v1.0.0") { asked.next() < writes } }
        if writes == 3 {
            #expect(try await advance().count == 3)
            #expect(asked.count == 3)
        } else {
            let error = await #expect(throws: MovingTags.Incomplete.self) { try await advance() }
            #expect(error?.reason == .notAllowed)
            #expect(error?.moved.count == writes)
            #expect(asked.count == writes + 1)
        }
        #expect(registry.calls.count(where: \.isWrite) == writes)
    }

    @Test("a permission that is lost while the manifest is read is not used")
    func lostPermission() async throws {
        let isAllowed = Mutex(true)
        let registry = try MovingTagsRegistry(["v1.0.0"]) { _, call, _ in
            if case .read = call { isAllowed.withLock { $0 = false } }
        }
        let error = await #expect(throws: MovingTags.Incomplete.self) {
            try await Self.advance(Self.movingTags(registry), after: "v1.0.0") { isAllowed.withLock { $0 } }
        }
        #expect(error?.reason == .notAllowed)
        #expect(registry.moves.isEmpty)
    }

    @Test("nothing is moved by a listing that failed, nor to a version that is not served")
    func uncertain() async throws {
        let failing = try MovingTagsRegistry(["v1.0.0"]) { _, call, _ in
            if call == .list { throw MovingTagsRegistry.Unknown() }
        }
        await #expect(throws: MovingTagsRegistry.Unknown.self) {
            try await Self.advance(Self.movingTags(failing), after: "v1.0.0")
        }
        #expect(failing.calls == [.list])

        let dangling = try MovingTagsRegistry(["v1.0.0", "v2.0.0"])
        dangling.forgetManifest(of: "v2.0.0")
        let error = await #expect(throws: MovingTags.Incomplete.self) {
            try await Self.advance(Self.movingTags(dangling), after: "v1.0.0")
        }
        #expect(error?.reason == .notServed)
        #expect(error?.description.contains("webapp/app:v2.0.0") == true)
        #expect(dangling.moves.isEmpty)
    }

    // MARK: Cancelling

    @Test("a write that has begun is waited for when the task is cancelled, and no other begins")
    func cancelledWhileWriting() async throws {
        let hasBegun = Mutex(false)
        let wasCancelled = Mutex(false)
        let hasEnded = Mutex(false)
        let registry = try MovingTagsRegistry(["v1.0.0"]) { _, call, moment in
            guard call.isWrite, moment == .before else { return }
            hasBegun.withLock { $0 = true }
            while !wasCancelled.withLock({ $0 }) { await Task.yield() }
            // As a transport does with the request of a cancelled task.
            try Task.checkCancellation()
            hasEnded.withLock { $0 = true }
        }
        let tags = try Self.movingTags(registry)
        let task = Task { try await Self.advance(tags, after: "v1.0.0") }
        while !hasBegun.withLock({ $0 }) { await Task.yield() }
        task.cancel()
        wasCancelled.withLock { $0 = true }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(hasEnded.withLock { $0 })
        #expect(registry.moves == ["latest": try [#require(VersionTag("v1.0.0"))]])
    }

    @Test("a task that is cancelled before a write does not begin it")
    func cancelledBeforeWriting() async throws {
        let registry = try MovingTagsRegistry(["v1.0.0"]) { _, call, moment in
            if case .read = call, moment == .after { withUnsafeCurrentTask { $0?.cancel() } }
        }
        let tags = try Self.movingTags(registry)
        await #expect(throws: CancellationError.self) {
            try await Task { try await Self.advance(tags, after: "v1.0.0") }.value
        }
        #expect(registry.moves.isEmpty)
    }

    // MARK: The setting

    @Test(
        "the setting names kinds, separated by commas",
        arguments: [
            ("", []), ("  ", []), ("latest", [.latest]), ("latest,major,minor", [.latest, .major, .minor]),
            (" minor , latest ", [.minor, .latest]), ("major,major", [.major]),
        ] as [(String, Set<MovingTags.Kind>)])
    func setting(text: String, kinds: Set<MovingTags.Kind>) throws {
        #expect(try MovingTags.kinds(text) == kinds)
    }

    @Test(
        "any other word of the setting is refused by name",
        arguments: [
            ("patch", "patch"), ("latest,,major", "\"\""), ("latest,", "\"\""), ("Latest", "Latest"),
            ("latest major", "latest major"), ("true", "true"), ("la test", "la test"),
        ])
    func badSetting(text: String, named: String) throws {
        let error = #expect(throws: InvalidInput.self) { try MovingTags.kinds(text) }
        #expect(error?.field == "MOVING_TAGS")
        #expect(error?.reason.contains(named) == true)
        #expect(error?.reason.contains("latest, major, minor") == true)
    }
}
