import Builds
import OCIDistribution
import SemanticVersions

/// What the commands ask, of the registry and the builder themselves or of a service that is running somewhere.
///
/// Answers are documents of the HTTP interface, whichever of the two they come from.
protocol Core: Sendable {
    /// The tags of a webapp, asked anew.
    func tags(
        of webapp: WebappName, range: VersionRange?, prereleases: Bool, limit: Int?
    ) async throws -> Answer<TagsDocument>
    /// What is behind a tag.
    func image(of webapp: WebappName, tag: Tag) async throws -> Answer<ImageDocument>
    /// The version that comes next, asked anew.
    func next(of webapp: WebappName, _ selection: BuildRequest.Selection) async throws -> Answer<NextDocument>
    /// Reserves a version and starts its build.
    func start(_ request: BuildRequest) async throws -> Answer<StartDocument>
    /// Builds again what a build was made of that has ended, under a version of its own.
    func retry(_ id: BuildID, idempotencyKey: String?) async throws -> Answer<StartDocument>
    /// The builds that are known, newest first.
    func builds(of webapp: WebappName?, status: Build.Status?) async throws -> Answer<BuildsDocument>
    /// Shows the build as it is, then each time it has changed, up to its final state.
    func follow(_ id: BuildID, _ show: (Answer<BuildDocument>) throws -> Void) async throws
    /// The output of a build.
    func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog
    /// Stops a build; one that has ended already stays as it is.
    func cancel(_ id: BuildID) async throws -> Answer<BuildDocument>
}
