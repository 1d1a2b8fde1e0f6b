import Builds
import HTTPTypes
import Hummingbird
import OCIDistribution
import SemanticVersions

/// `/tags` and `/next`.
struct VersionRoutes: Sendable {
    /// The most commits of a request; a push of GitHub has no more.
    static let mostCommits = 2048

    let versions: VersionService

    var routes: [Route] {
        [
            Route(method: .get, path: "/tags/{webapp}", access: .requires(.read), handle: tags),
            Route(method: .get, path: "/tags/{webapp}/{tag}", access: .requires(.read), handle: image),
            Route(method: .get, path: "/next/{webapp}", access: .requires(.read), handle: next),
            Route(method: .post, path: "/next/{webapp}", access: .requires(.read), handle: nextOfCommits),
        ]
    }

    private func tags(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        let query = QueryParameters(request.query, known: ["range", "prereleases", "limit"], errors: errors)
        let webapp = request.path("webapp", errors, WebappName.init)
        let range = query.value("range", VersionRange.init(parsing:))
        let prereleases = query.flag("prereleases").map { $0 ? PrereleasePolicy.included : .excluded }
        let limit = query.number("limit", in: 1...100_000)
        guard let webapp, errors.list.isEmpty else { throw errors.problem }
        let answer = try await versions.tags(
            of: webapp, range: range, prereleases: prereleases, limit: limit, freshness: request.freshness)
        return Response(json: JSONDocument(answer).value, headers: Self.headers(age: answer.age))
    }

    private func image(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        _ = QueryParameters(request.query, known: [], errors: errors)
        let webapp = request.path("webapp", errors, WebappName.init)
        let tag = request.path("tag", errors, Tag.init)
        guard let webapp, let tag, errors.list.isEmpty else { throw errors.problem }
        let (image, details) = try await versions.image(of: webapp, tag: tag)
        return Response(json: JSONDocument(tag, image, details).value)
    }

    private func next(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        let query = QueryParameters(request.query, known: ["bump", "prereleaseId", "range"], errors: errors)
        let webapp = request.path("webapp", errors, WebappName.init)
        let bump: BumpChoice? = query.choice("bump")
        let prereleaseID = query.value("prereleaseId", validatedPrereleaseID)
        let range = query.value("range", VersionRange.init(parsing:))
        if bump == .auto { query.refuse("bump", "auto needs commits; send them in the body of a POST") }
        if prereleaseID != nil, bump != .prerelease {
            query.refuse("prereleaseId", "goes with the bump prerelease only")
        }
        guard let webapp, errors.list.isEmpty else { throw errors.problem }
        let answer = try await versions.next(
            of: webapp, bump: bump?.bump ?? .patch, prereleaseIdentifier: prereleaseID, range: range,
            freshness: request.freshness)
        return Response(json: JSONDocument(answer).value, headers: Self.headers(age: answer.age))
    }

    private func nextOfCommits(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        _ = QueryParameters(request.query, known: [], errors: errors)
        let webapp = request.path("webapp", errors, WebappName.init)
        let body = JSONFields(try await request.jsonObject(), known: ["commits", "bump", "range"], errors: errors)
        let commits = body.values("commits", atMost: Self.mostCommits) { $0 }
        let bump: BumpChoice? = body.value("bump", chosen)
        let range = body.value("range", VersionRange.init(parsing:))
        if !body.has("commits") {
            body.refuse(
                "commits", "is missing; to bump without commits use GET /next/{webapp}?bump=", code: .missingField)
        }
        guard let webapp, let commits, errors.list.isEmpty else { throw errors.problem }
        let answer = try await versions.next(
            of: webapp, commits: commits, atLeast: bump?.bump, range: range, freshness: request.freshness)
        return Response(json: JSONDocument(answer).value, headers: Self.headers(age: answer.age))
    }

    /// Spec: RFC 9111 section 5.1: whole seconds.
    static func headers(age: Duration) -> HTTPFields {
        [.age: "\(max(age.components.seconds, 0))", .cacheControl: "no-cache"]
    }
}

extension APIRequest {
    var freshness: Freshness { asksAnew ? .anew : .cached }
}

/// How a caller says what to raise.
enum BumpChoice: String, CaseIterable {
    case major
    case minor
    case patch
    case prerelease
    /// What the commits ask for.
    case auto

    /// The bump, unless the commits decide.
    var bump: Bump? { Bump(rawValue: rawValue) }
}

/// Identifiers of a prerelease, such as `rc` or `beta.2`.
func validatedPrereleaseID(_ text: String) throws -> String {
    guard VersionTag("1.0.0-\(text)") != nil else {
        throw Refusal("\(quoted(text)) must be letters, digits and '-', such as rc, with '.' between identifiers")
    }
    return text
}
