internal import FoundationEssentials
internal import HTTPTransport
internal import OCIDistribution
internal import SemanticVersions

/// A request with everything filled in that does not depend on the version.
struct PreparedRequest: Sendable {
    let request: BuildRequest
    /// What the request belongs to: rounds of ``Reservations`` work for many.
    let correlation: Correlation?
    let git: GitSource
    /// Tells a repetition of a request from another one under the same key.
    let fingerprint: String

    var webapp: WebappName { request.webapp }

    init(_ request: BuildRequest, defaults: GitDefaults) throws(InvalidInput) {
        var correlation = Correlation.current
        var request = request
        if let traceparent = request.traceparent {
            correlation = Correlation(requestID: correlation?.requestID, traceparent: traceparent)
        }
        request.traceparent = correlation?.traceparent
        self.request = request
        self.correlation = correlation
        self.git = try defaults.source(for: request)
        self.fingerprint = Self.fingerprint(of: request)
    }

    func plan(version: VersionTag, naming: ImageNaming) throws -> BuildPlan {
        var plan = BuildPlan(
            webapp: webapp, version: version, image: try naming.image(of: webapp, tag: version.tag), git: git,
            platforms: request.platforms, createdAt: Date(), idempotencyKey: request.idempotencyKey,
            requestFingerprint: request.idempotencyKey == nil ? nil : fingerprint, requestedBy: request.requestedBy,
            callbackURL: request.callbackURL)
        plan.traceparent = request.traceparent
        return plan
    }

    /// Every field that the caller sent, each with its length in front so that no two requests read the same.
    private static func fingerprint(of request: BuildRequest) -> String {
        var text = ""
        func add(_ value: String?) { text += value.map { "\($0.utf8.count):\($0)" } ?? "-" }
        add(request.webapp.description)
        switch request.selection {
        case .bump(let bump, let prereleaseIdentifier, let range):
            [bump.rawValue, prereleaseIdentifier, range?.description].forEach(add)
        case .version(let version):
            add("version")
            add(version.tag)
        case .commits(let messages, let bump, let range):
            ["commits", bump?.rawValue, range?.description].forEach(add)
            messages.forEach(add)
        }
        for value in [request.gitURL, request.gitRef, request.gitCommit, request.gitSubdirectory, request.callbackURL] {
            add(value)
        }
        for platform in request.platforms { add(platform.description) }
        return Digest.sha256(of: Array(text.utf8)).hex
    }
}
