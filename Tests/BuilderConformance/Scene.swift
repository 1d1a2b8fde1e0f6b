import Builds
import FoundationEssentials
import OCIDistribution
import SemanticVersions

/// One case at work: a webapp of its own, and the steps that cases have in common.
struct Scene: Sendable {
    let harness: any BuilderHarness
    let webapp: WebappName

    init(_ harness: any BuilderHarness) throws {
        self.harness = harness
        webapp = try Self.freshWebapp()
    }

    static func freshWebapp() throws -> WebappName {
        try WebappName("app-" + String((0..<8).compactMap { _ in "abcdefghijklmnopqrstuvwxyz".randomElement() }))
    }

    /// A plan for a version of the scene's webapp.
    func plan(
        _ behavior: BuildBehavior, version: String = "v1.0.0", of webapp: WebappName? = nil
    ) async throws -> BuildPlan {
        let webapp = webapp ?? self.webapp
        return BuildPlan(
            webapp: webapp, version: try required(VersionTag(version), "\(version) is a version"),
            image: try harness.naming.image(of: webapp, tag: version), git: try await harness.source(for: behavior),
            // Whole milliseconds, which every builder can keep.
            createdAt: Date(timeIntervalSince1970: (Date().timeIntervalSince1970 * 1000).rounded() / 1000))
    }

    /// Creates a build that has to be created.
    func create(
        _ plan: BuildPlan, with builder: any Builder, file: String = #fileID, line: Int = #line
    ) async throws -> Build {
        guard case .created(let build) = try await builder.create(plan) else {
            throw ConformanceFailure("\(plan.id) is free, so it is created", file: file, line: line)
        }
        return build
    }

    func isTaken(_ plan: BuildPlan, for builder: any Builder) async throws -> Bool {
        if case .nameTaken = try await builder.create(plan) { true } else { false }
    }

    /// The digest that the registry serves for a plan.
    func served(_ plan: BuildPlan) async throws -> Digest? {
        try await harness.registry.servedDigest(
            of: try required(plan.image.tag, "an image has a tag"), in: plan.image.repository)
    }

    // MARK: Waiting

    /// Asks again and again until there is an answer.
    func eventually<Value>(
        _ expectation: String, file: String = #fileID, line: Int = #line, _ answer: () async throws -> Value?
    ) async throws -> Value {
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: harness.patience)
        while true {
            if let value = try await answer() { return value }
            guard clock.now < end else {
                throw ConformanceFailure("within \(harness.patience), \(expectation)", file: file, line: line)
            }
            try await clock.sleep(for: .milliseconds(50))
        }
    }

    /// The build once it has ended.
    func ended(
        _ id: BuildID, _ builder: any Builder, file: String = #fileID, line: Int = #line
    ) async throws -> Build {
        try await eventually("\(id) ends", file: file, line: line) {
            let build = try required(
                try await builder.build(id), "a build that nobody cancelled does not vanish", file: file, line: line)
            return build.status.isFinal ? build : nil
        }
    }

    /// Waits until a held build has come to where it is held; meanwhile no other run of its name may be alive.
    func held(
        _ id: BuildID, _ builder: any Builder, file: String = #fileID, line: Int = #line
    ) async throws {
        let landmark = harness.logLandmarks.first ?? ""
        _ = try await eventually("\(id) runs and writes \"\(landmark)\"", file: file, line: line) {
            let alive = try await harness.livingRuns(of: id)
            try require(alive <= 1, "a name has one run at a time", found: "\(alive) runs", file: file, line: line)
            guard alive == 1, try await builder.build(id)?.status == .running else { return Bool?.none }
            return try await text(id, .soFar, builder).contains(landmark) ? true : nil
        }
    }

    // MARK: Logs

    /// The whole text of a log.
    func text(
        _ id: BuildID, _ extent: LogExtent, _ builder: any Builder, file: String = #fileID, line: Int = #line
    ) async throws -> String {
        let log = try required(try await builder.log(of: id, extent), "\(id) has a log", file: file, line: line)
        return try await Self.text(log)
    }

    static func text(_ log: BuildLog) async throws -> String {
        var bytes: [UInt8] = []
        for try await chunk in log { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Throws unless all landmarks are there, in their order.
    func requireLandmarks(
        in text: String, file: String = #fileID, line: Int = #line
    ) throws {
        var rest = text[...]
        for landmark in harness.logLandmarks {
            let range = try required(
                rest.firstRange(of: landmark), "the log says \"\(landmark)\" in its place; it says:\n\(text)",
                file: file,
                line: line)
            rest = rest[range.upperBound...]
        }
    }
}
