import Builds
import Hummingbird

/// `/webapps`: what a person wants to see of them at a glance.
struct WebappRoutes: Sendable {
    /// How many versions, and how many builds, a history has at most unless the caller says how many.
    static let usualHistory = 30
    /// The most of either.
    static let longestHistory = 100

    let builds: BuildService

    var routes: [Route] {
        [
            Route(method: .get, path: "/webapps", access: .requires(.read), handle: list),
            Route(method: .get, path: "/webapps/{webapp}", access: .requires(.read), handle: overview),
            Route(method: .get, path: "/webapps/{webapp}/history", access: .requires(.read), handle: history),
        ]
    }

    private func list(_ request: APIRequest) async throws -> Response {
        try request.refuseParameters()
        return Response(json: JSONDocument(try await builds.webapps(freshness: request.freshness)).value)
    }

    private func overview(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        _ = QueryParameters(request.query, known: [], errors: errors)
        let webapp = request.path("webapp", errors, WebappName.init)
        guard let webapp, errors.list.isEmpty else { throw errors.problem }
        let overview = try await builds.versions.overview(of: webapp, freshness: request.freshness)
        let document = JSONDocument(overview, usualDuration: builds.history.usualDuration(of: webapp))
        return Response(json: document.value, headers: VersionRoutes.headers(age: overview.age))
    }

    private func history(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        let query = QueryParameters(request.query, known: ["limit"], errors: errors)
        let webapp = request.path("webapp", errors, WebappName.init)
        let limit = query.number("limit", in: 1...Self.longestHistory) ?? Self.usualHistory
        guard let webapp, errors.list.isEmpty else { throw errors.problem }
        // Builds that ended a moment ago are remembered by being looked at.
        try await builds.glance(of: webapp)
        let versions = try await builds.versions.versions(of: webapp, limit: limit, freshness: request.freshness)
        return Response(
            json: JSONDocument(
                historyOf: webapp, since: builds.history.since, versions: versions,
                builds: Array(builds.history.builds(of: webapp).prefix(limit))
            ).value)
    }
}
