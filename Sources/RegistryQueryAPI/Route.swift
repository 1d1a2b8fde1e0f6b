import HTTPTypes
import Hummingbird

/// One method on one path.
struct Route: Sendable {
    /// Who may use a route.
    enum Access: Sendable, Equatable {
        /// Everybody.
        case open
        /// Callers with this scope, where there are tokens.
        case requires(AccessScope)
        /// Whoever signs the request; the handler checks that.
        case signed
    }

    /// How long an answer may take.
    enum Limit: Sendable {
        /// The usual time.
        case usual
        /// The usual time, and what the caller is willing to wait (`?wait=`).
        case usualAndWait
        /// The handler answers within the usual time with a body that goes on.
        case stream
    }

    var method: HTTPRequest.Method
    /// The path, with parameters in braces.
    var path: String
    var access: Access
    var limit: Limit = .usual
    var handle: @Sendable (APIRequest) async throws -> Response

    private var segments: [Substring] { path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) }

    /// The parameters of a path that this route has, still encoded; `nil` for another path.
    fileprivate func match(_ parts: [Substring]) -> [String: Substring]? {
        let segments = segments
        guard segments.count == parts.count else { return nil }
        var parameters: [String: Substring] = [:]
        for (segment, part) in zip(segments, parts) {
            if segment.hasPrefix("{") {
                guard !part.isEmpty else { return nil }
                parameters[String(segment.dropFirst().dropLast())] = part
            } else if segment != part {
                return nil
            }
        }
        return parameters
    }
}

/// All routes, so few that they are compared one by one.
struct RouteTable: Sendable {
    let routes: [Route]

    /// What a request leads to.
    enum Match {
        case route(Route, parameters: [String: String])
        /// The path exists, the method does not; these do.
        case otherMethods([HTTPRequest.Method])
        /// A parameter is not percent-encoded UTF-8.
        case undecodable
        case none
    }

    /// Finds the route of a request.
    ///
    /// HEAD finds the route of GET, except where the answer's length cannot be known.
    func match(_ method: HTTPRequest.Method, path: Substring) -> Match {
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var methods: [HTTPRequest.Method] = []
        for route in routes {
            guard let encoded = route.match(parts) else { continue }
            methods += Self.methods(of: route)
            guard Self.methods(of: route).contains(method) else { continue }
            var parameters: [String: String] = [:]
            for (name, part) in encoded {
                guard let text = percentDecoded(part) else { return .undecodable }
                parameters[name] = text
            }
            return .route(route, parameters: parameters)
        }
        return methods.isEmpty ? .none : .otherMethods(methods)
    }

    /// The methods under which a route answers.
    static func methods(of route: Route) -> [HTTPRequest.Method] {
        guard route.method == .get else { return [route.method] }
        if case .stream = route.limit { return [.get] }
        return [.get, .head]
    }
}
