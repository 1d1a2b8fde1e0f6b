internal import OCIDistribution

/// The webapps that are known.
public struct WebappsAnswer: Sendable, Equatable {
    /// Where the list comes from.
    public enum Source: String, Sendable {
        /// The registry's catalog, and builds.
        case registry
        /// Builds alone: the registry does not tell.
        case builds
    }

    /// Their names, in alphabetical order.
    public var webapps: [WebappName]
    /// Where they come from.
    public var source: Source
    /// One sentence why the registry does not tell; `nil` where it does.
    public var message: String?
}

extension BuildService {
    /// The webapps that have a repository under the prefix, a build, or one that is remembered.
    ///
    /// The catalog of the registry is complete or an error; where the registry has none, or keeps it to itself, builds are
    /// all there is.
    /// - Throws: An error of registry or builder.
    public func webapps(freshness: Freshness) async throws -> WebappsAnswer {
        let known = try await glance(of: nil).map(\.webapp) + history.webapps
        var answer = WebappsAnswer(webapps: [], source: .registry)
        var names = Set(known)
        switch try await versions.catalog.catalog(anew: freshness == .anew) {
        case .repositories(let repositories):
            names.formUnion(repositories.compactMap { versions.naming.webapp(of: $0.name) })
        case .refused(let error):
            answer.source = .builds
            answer.message =
                "the registry does not tell which repositories it has (\(error.summary)), so that only webapps with a "
                + "known build are listed"
        }
        answer.webapps = names.sorted()
        return answer
    }
}
