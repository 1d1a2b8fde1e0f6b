/// The source of a build where the caller names none.
public struct GitDefaults: Sendable, Equatable {
    /// `GIT_REPO_URL`; `nil` makes every caller name one.
    public var url: String?
    /// `GIT_BRANCH`.
    ///
    /// Default `main`.
    public var branch: String

    /// Takes the operator's defaults.
    ///
    /// The URL is trusted: it may be of a kind that callers may not use, such as `file`.
    public init(url: String?, branch: String = "main") {
        self.url = url
        self.branch = branch
    }

    /// The source of a request, defaults filled in.
    ///
    /// The subdirectory's default is the webapp's name: one top-level folder for each.
    func source(for request: BuildRequest) throws(InvalidInput) -> GitSource {
        guard let url = request.gitURL ?? url else {
            throw InvalidInput(field: "git.url", "is missing, and no default is configured (GIT_REPO_URL)")
        }
        return GitSource(
            url: url, ref: request.gitRef ?? branch, commit: request.gitCommit,
            subdirectory: request.gitSubdirectory ?? request.webapp.description)
    }
}
