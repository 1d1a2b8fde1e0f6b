import Builds
import SemanticVersions
import Synchronization

@testable import OCIDistribution

/// A registry in memory whose tags are versions and what moves with them, and where a test comes between any two steps.
final class MovingTagsRegistry: MovingTagRegistry {
    enum Call: Hashable {
        case list
        case look(String)
        case read(VersionTag)
        case write(String)

        var isWrite: Bool {
            if case .write = self { true } else { false }
        }
    }

    enum Moment { case before, after }

    typealias Step = @Sendable (MovingTagsRegistry, Call, Moment) async throws -> Void

    private struct State {
        var tags: [String: Digest] = [:]
        var manifests: [Digest: Manifest] = [:]
        var versions: [Digest: VersionTag] = [:]
        var calls: [Call] = []
        var moves: [String: [VersionTag]] = [:]
    }

    static let repository = try? Repository("webapp/app")

    private let state = Mutex(State())
    private let step: Step

    init(_ versions: [String] = [], step: @escaping Step = { _, _, _ in }) throws {
        self.step = step
        for version in versions { try push(version) }
    }

    // MARK: What tests do and see

    /// Serves a version, or any other tag, with a manifest of its own.
    func push(_ tag: String) throws {
        let text = #"{"schemaVersion": 2, "manifests": [], "annotations": {"tag": "\#(tag)"}}"#
        let digest = Digest.sha256(of: Array(text.utf8))
        let manifest = try Manifest(Array(text.utf8), type: nil, digest: digest)
        state.withLock { state in
            state.tags[tag] = digest
            state.manifests[digest] = manifest
            state.versions[digest] = VersionTag(tag)
        }
    }

    /// Lists the tag still, and serves nothing under it.
    func forgetManifest(of tag: String) {
        state.withLock { state in
            if let digest = state.tags[tag] { state.manifests[digest] = nil }
        }
    }

    func digest(_ tag: String) -> Digest? { state.withLock { $0.tags[tag] } }

    /// The versions there are.
    var versions: [VersionTag] { state.withLock { $0.tags.keys.compactMap { VersionTag($0) } } }

    /// What each tag that was moved points to.
    var moving: [String: String] {
        state.withLock { state in
            state.moves.keys.reduce(into: [:]) { $0[$1] = state.tags[$1].flatMap { state.versions[$0] }?.tag }
        }
    }

    /// What each tag that was moved pointed to, one after the other.
    var moves: [String: [VersionTag]] { state.withLock { $0.moves } }

    var calls: [Call] { state.withLock { $0.calls } }

    // MARK: What is tested sees

    func currentTags(of repository: Repository) async throws -> [String]? {
        try await perform(.list) { state in state.tags.isEmpty ? nil : Array(state.tags.keys) }
    }

    func servedDigest(of tag: Tag, in repository: Repository) async throws -> Digest? {
        try await perform(.look(tag.name)) { state in
            state.tags[tag.name].flatMap { state.manifests[$0]?.descriptor.digest }
        }
    }

    func manifest(of digest: Digest, in repository: Repository) async throws -> Manifest {
        guard let version = state.withLock({ $0.versions[digest] }) else { throw Unknown() }
        return try await perform(.read(version)) { state in
            guard let manifest = state.manifests[digest] else { throw Unknown() }
            return manifest
        }
    }

    func tag(_ manifest: Manifest, as tag: Tag, in repository: Repository) async throws -> Digest {
        let digest = manifest.descriptor.digest
        return try await perform(.write(tag.name)) { state in
            guard let version = state.versions[digest] else { throw Unknown() }
            state.tags[tag.name] = digest
            state.moves[tag.name, default: []].append(version)
            return digest
        }
    }

    struct Unknown: Error {}

    /// As a request to a registry: cancelled with its task, and with time before it takes effect and after.
    private func perform<Value: Sendable>(
        _ call: Call, _ effect: (inout State) throws -> Value
    ) async throws -> Value {
        try Task.checkCancellation()
        state.withLock { $0.calls.append(call) }
        try await step(self, call, .before)
        let value = try state.withLock { state in try effect(&state) }
        try await step(self, call, .after)
        return value
    }
}

/// Counts what happens.
final class StepCounter: Sendable {
    private let counted = Mutex(0)

    var count: Int { counted.withLock { $0 } }

    /// How often it happened before.
    func next() -> Int {
        counted.withLock { counted in
            counted += 1
            return counted - 1
        }
    }
}
