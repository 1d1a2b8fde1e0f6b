import Builds
import SemanticVersions

extension BuildRequest {
    /// Platforms beyond these are a mistake.
    static let mostPlatforms = 16

    /// Reads the body of `POST /builds`.
    /// - Throws: Everything that is wrong with it, and what `errors` held before.
    init(_ members: [JSONValue.Member], callbackTargets: CallbackTargets, errors: InputErrors) throws(Problem) {
        let body = JSONFields(
            members,
            known: [
                "webapp", "bump", "version", "commits", "prereleaseId", "range", "git", "platforms", "callbackUrl",
            ], errors: errors)
        let webapp = body.value("webapp", WebappName.init)
        if !body.has("webapp") {
            body.refuse("webapp", "is missing: the name of the webapp to build", code: .missingField)
        }
        let selection = Self.selection(body)
        let git = body.object("git", known: ["url", "ref", "commit", "subdirectory"])
        let url = git?.value("url", GitSource.validatedURL)
        let ref = git?.value("ref", GitSource.validatedRef)
        let commit = git?.value("commit", GitSource.validatedCommit)
        let subdirectory = git?.value("subdirectory", GitSource.validatedSubdirectory)
        let platforms = body.values("platforms", atMost: Self.mostPlatforms, Platform.init) ?? []
        if Set(platforms).count < platforms.count { body.refuse("platforms", "names a platform twice") }
        let callbackURL = Self.callbackURL(body, callbackTargets)
        guard let webapp, let selection, errors.list.isEmpty else { throw errors.problem }
        self.init(
            webapp: webapp, selection: selection, gitURL: url, gitRef: ref, gitCommit: commit,
            gitSubdirectory: subdirectory, platforms: platforms, callbackURL: callbackURL)
    }

    /// The URL as it was given: n8n's carry a signature over every character.
    private static func callbackURL(_ body: JSONFields, _ targets: CallbackTargets) -> String? {
        guard !targets.isEmpty else {
            if body.string("callbackUrl") != nil {
                body.refuse(
                    "callbackUrl",
                    "this service does not call back (CALLBACK_ALLOWED_HOSTS is not set); leave it out and ask "
                        + "GET /builds/{id}?wait=30s until done is true", code: .callbacksUnavailable)
            }
            return nil
        }
        return body.value("callbackUrl") { text in
            _ = try CallbackTargets.validatedURL(text)
            do throws(InvalidInput) {
                _ = try targets.check(text)
            } catch {
                body.refuse("callbackUrl", error.reason, code: .callbackNotAllowed)
            }
            return text
        }
    }

    private static func selection(_ body: JSONFields) -> Selection? {
        let bump: BumpChoice? = body.value("bump", chosen)
        let version = body.value("version", validatedVersion)
        let commits = body.values("commits", atMost: VersionRoutes.mostCommits) { $0 }
        let prereleaseID = body.value("prereleaseId", validatedPrereleaseID)
        let range = body.value("range", VersionRange.init(parsing:))
        if body.has("version") {
            for name in ["bump", "commits", "prereleaseId", "range"] where body.has(name) {
                body.refuse(name, "cannot be together with version, which says it all")
            }
            return version.map { .version($0) }
        }
        let isPrerelease = body.has("bump") && (bump ?? .prerelease) == .prerelease
        if body.has("prereleaseId"), body.has("commits") || !isPrerelease {
            body.refuse("prereleaseId", "goes with the bump prerelease only, and not with commits")
        }
        if body.has("commits") { return commits.map { .commits($0, bump: bump?.bump, range: range) } }
        if bump == .auto { body.refuse("bump", "auto needs commits, whose messages say what to raise") }
        return .bump(bump?.bump ?? .patch, prereleaseIdentifier: prereleaseID, range: range)
    }

    private static func validatedVersion(_ text: String) throws -> VersionTag {
        guard let version = VersionTag(text) else {
            let reason =
                text.contains("+")
                ? "has build metadata, which a tag cannot carry"
                : "is not a semantic version such as v1.2.3 or 1.2.3-rc.1"
            throw Refusal("\(quoted(text)) \(reason)")
        }
        return version
    }
}
