import OCIDistribution
import SemanticVersions
import Synchronization
import Testing

@testable import Builds

/// Histories in which everything goes on at once.
@Suite("Moving tags never go back")
struct MovingTagsHistoryTests {
    struct Killed: Error {}

    /// What makes one process at a time move tags: a Lease that is lost whenever its holder is slow, though not before
    /// the end of a write that it was asked for.
    final class Lease: Sendable {
        private struct State {
            var holder: Int?
            var lastsForWrite = false
            var last = 0
        }

        private let state = Mutex(State())

        /// A new number for whoever takes it; `nil` while somebody has it.
        func take() -> Int? {
            state.withLock { state in
                guard state.holder == nil else { return nil }
                state.last += 1
                state.holder = state.last
                return state.last
            }
        }

        func give(back number: Int) {
            state.withLock { state in
                if state.holder == number { state = State(last: state.last) }
            }
        }

        func expire() {
            state.withLock { state in
                if !state.lastsForWrite { state.holder = nil }
            }
        }

        /// Whether somebody has it, and will for one write.
        func lastsForWrite(of number: Int) -> Bool {
            state.withLock { state in
                guard state.holder == number else { return false }
                state.lastsForWrite = true
                return true
            }
        }

        /// Whether it was made sure of before.
        func endWrite() -> Bool {
            state.withLock { state in
                defer { state.lastsForWrite = false }
                return state.lastsForWrite
            }
        }
    }

    /// Seeded chance, and the versions that wait for their moving tags.
    final class World: Sendable {
        private struct State {
            var random: SplitMix64
            var unpublished: [String]
            var completed: [String] = []
        }

        private let state: Mutex<State>

        init(seed: UInt64, versions: [String]) {
            var random = SplitMix64(seed: seed)
            let versions = versions.shuffled(using: &random)
            state = Mutex(State(random: random, unpublished: versions))
        }

        func chance(_ probability: Double) -> Bool {
            state.withLock { Double.random(in: 0..<1, using: &$0.random) < probability }
        }

        /// Serves one more version, and reports it.
        func publish(to registry: MovingTagsRegistry) throws {
            guard let version = state.withLock({ $0.unpublished.popLast() }) else { return }
            try registry.push(version)
            state.withLock { $0.completed.append(version) }
        }

        /// A reported version, the oldest or not; `nil` when all are through.
        func next() -> String? {
            state.withLock { state in
                guard let index = state.completed.indices.randomElement(using: &state.random) else { return nil }
                return state.completed.remove(at: index)
            }
        }

        var isOver: Bool { state.withLock { $0.unpublished.isEmpty && $0.completed.isEmpty } }
    }

    private static let versions = [
        "v1.0.0", "v1.0.1", "v1.1.0", "v1.1.1", "v1.2.0-rc.1", "v1.2.0", "v1.10.0", "v2.0.0-rc.1", "v2.0.0", "v2.0.1",
        "v0.9.0", "v3.0.0-beta.1",
    ]

    /// Three replicas of which one at a time may move tags; each may lose that right, or be killed, at any step.
    @Test("in any order of builds, with any number of replicas, killed at any step", arguments: 0..<100)
    func anyOrder(seed: Int) async throws {
        let world = World(seed: UInt64(seed), versions: Self.versions)
        let lease = Lease()
        let registry = try MovingTagsRegistry { registry, call, moment in
            let isKilled = world.chance(0.05)
            if call.isWrite, isKilled || moment == .after { #expect(lease.endWrite(), "moved without the Lease") }
            if world.chance(0.3) { await Task.yield() }
            if world.chance(0.2) { try world.publish(to: registry) }
            if world.chance(0.1) { lease.expire() }
            if isKilled { throw Killed() }
        }
        let tags = try MovingTagsTests.movingTags(registry)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    while !world.isOver {
                        if world.chance(0.5) { try world.publish(to: registry) }
                        guard let version = world.next() else {
                            await Task.yield()
                            continue
                        }
                        while try await !Self.completed(version, tags, lease) { await Task.yield() }
                    }
                }
            }
            try await group.waitForAll()
        }
        Self.check(registry)
        #expect(registry.moving["latest"] == "v2.0.1")
        #expect(registry.moving["v1"] == "v1.10.0")
        #expect(registry.moving["v1.2"] == "v1.2.0")
    }

    /// One replica's try; `false` if it has to be done again, by whomever.
    private static func completed(_ version: String, _ tags: MovingTags, _ lease: Lease) async throws -> Bool {
        guard let number = lease.take() else { return false }
        defer { lease.give(back: number) }
        do {
            try await MovingTagsTests.advance(tags, after: version) { lease.lastsForWrite(of: number) }
            return true
        } catch is Killed {
            return false
        } catch is MovingTags.Incomplete {
            return false
        }
    }

    @Test("interrupted at each step, before or after its effect, and done again", arguments: [true, false])
    func everyStep(isBefore: Bool) async throws {
        var steps = 0
        var wasInterrupted = true
        while wasInterrupted {
            let interruption = steps
            let number = StepCounter()
            let registry = try MovingTagsRegistry(["v1.0.0"]) { _, _, moment in
                guard moment == (isBefore ? .before : .after) else { return }
                if number.next() == interruption {
                    throw Killed()
                }
            }
            let tags = try MovingTagsTests.movingTags(registry)
            // The second call finds what the first one left.
            for version in ["v1.0.0", "v1.1.0"] {
                try registry.push(version)
                do {
                    try await MovingTagsTests.advance(tags, after: version)
                } catch is Killed {
                    try registry.push("v1.1.1")
                    try await MovingTagsTests.advance(tags, after: version)
                    try await MovingTagsTests.advance(tags, after: "v1.1.1")
                }
            }
            Self.check(registry)
            wasInterrupted = number.count > interruption
            steps += 1
        }
        #expect(steps > 20)
    }

    /// Each tag was only ever moved up, and points to the highest of its releases.
    private static func check(_ registry: MovingTagsRegistry) {
        let released = registry.versions.map(\.version).filter { !$0.isPrerelease }
        let moves = registry.moves
        for (tag, versions) in moves {
            #expect(versions == versions.sorted(), "\(tag) went back: \(versions.map(\.tag))")
            #expect(versions.allSatisfy { !$0.version.isPrerelease } && VersionTag(tag) == nil, "\(tag)")
        }
        for version in released {
            for (tag, group) in [
                ("latest", released), ("v\(version.major)", released.filter { $0.major == version.major }),
                (
                    "v\(version.major).\(version.minor)",
                    released.filter { $0.major == version.major && $0.minor == version.minor }
                ),
            ] {
                let highest = group.max().map { "v\($0)" }
                #expect(registry.moving[tag] == highest, "\(tag)")
                #expect(registry.digest(tag) == highest.flatMap { registry.digest($0) }, "\(tag)")
            }
        }
    }
}
