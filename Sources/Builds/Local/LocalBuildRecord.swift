internal import FoundationEssentials
internal import OCIDistribution
internal import SemanticVersions

/// `plan.json`: what was promised.
///
/// Written before the build has its name, and never changed.
struct StoredPlan: Codable {
    var webapp: String
    var tag: String
    var image: String
    var gitURL: String
    var gitRef: String
    var gitCommit: String?
    var gitSubdirectory: String
    var platforms: [String]
    var createdAt: Date
    var idempotencyKey: String?
    var requestFingerprint: String?
    var requestedBy: String?
    var callbackURL: String?

    init(_ plan: BuildPlan) {
        webapp = plan.webapp.description
        tag = plan.version.tag
        image = plan.image.description
        gitURL = plan.git.url
        gitRef = plan.git.ref
        gitCommit = plan.git.commit
        gitSubdirectory = plan.git.subdirectory
        platforms = plan.platforms.map(\.description)
        createdAt = plan.createdAt
        idempotencyKey = plan.idempotencyKey
        requestFingerprint = plan.requestFingerprint
        requestedBy = plan.requestedBy
        callbackURL = plan.callbackURL
    }

    /// The plan again.
    ///
    /// Everything in it was validated before it was written; a file that somebody edited may still fail.
    func plan() throws -> BuildPlan {
        guard let version = VersionTag(tag) else { throw InvalidInput(field: "tag", "\(tag) is not a version") }
        return BuildPlan(
            webapp: try WebappName(webapp), version: version, image: try ImageReference(image),
            git: GitSource(url: gitURL, ref: gitRef, commit: gitCommit, subdirectory: gitSubdirectory),
            platforms: try platforms.map { try Platform($0) }, createdAt: createdAt, idempotencyKey: idempotencyKey,
            requestFingerprint: requestFingerprint, requestedBy: requestedBy, callbackURL: callbackURL)
    }
}

/// `status.json`: how far the build has come.
///
/// Replaced as a whole by whoever holds the build's lock.
struct StoredStatus: Codable, Equatable {
    var status: String
    var phase: String?
    var message: String
    var commit: String?
    var digest: String?
    var startedAt: Date?
    var finishedAt: Date?
    /// Absent before the first step is known, and where an earlier release of this program wrote the file.
    var progress: Build.Progress?
    /// By the names of the phases; absent where an earlier release of this program wrote the file.
    var phases: [String: Date]?

    init(_ build: Build) {
        status = build.status.rawValue
        phase = build.phase?.rawValue
        message = build.message
        commit = build.git.commit
        digest = build.digest?.description
        startedAt = build.startedAt
        finishedAt = build.finishedAt
        progress = build.progress
        phases = build.phaseStarts.isEmpty ? nil : build.phaseStarts.named
    }

    /// Brings what is known into a build that was made from the plan.
    func apply(to build: inout Build) throws {
        guard let status = Build.Status(rawValue: status) else {
            throw InvalidInput(field: "status", "\(status) is not a status")
        }
        build.status = status
        build.phase = phase.flatMap(Build.Phase.init)
        build.message = message
        build.git.commit = commit ?? build.git.commit
        build.digest = try digest.map { try Digest($0) }
        build.startedAt = startedAt
        build.finishedAt = finishedAt
        build.progress = progress
        build.phaseStarts = Dictionary(named: phases ?? [:])
    }
}
