/// What a token is to be good for: the scopes of a request, such as `repository:webapp/app-example:pull`.
///
/// Spec: Distribution, "Token Scope Documentation".
struct TokenScope: Hashable, Sendable {
    /// The scopes, in the order in which they are asked for; none for the registry as a whole.
    private(set) var values: [String]

    private static let mostValues = 8
    private static let longestValue = 1024

    /// What is to be done with a repository.
    enum Access: String {
        case pull
        /// A registry looks at what it has before it takes more, so pushing goes with pulling.
        case push = "pull,push"
        /// To list the repositories, which is about the registry and no repository of it.
        case catalog = "*"
    }

    /// To pull from a repository, or to push to it as well.
    static func repository(_ repository: Repository, _ access: Access) -> TokenScope {
        TokenScope(values: ["repository:\(repository):\(access.rawValue)"])
    }

    /// To reach the registry at all.
    static let registry = TokenScope(values: [])

    /// To list the repositories.
    ///
    /// A scope of its own, so that a registry that keeps its catalog to itself is still reached for all else.
    static let catalog = TokenScope(values: ["registry:catalog:\(Access.catalog.rawValue)"])

    /// These scopes and what a challenge asks for, its `scope` parameter being separated by spaces.
    ///
    /// Some registries want more for a listing than pulling (`metadata_read`), or call the repository by a longer name.
    func adding(challenged text: String?) -> TokenScope {
        var scope = self
        for value in (text ?? "").split(separator: " ").map(String.init)
        where !scope.values.contains(where: { Self.covers($0, value) }) && value.utf8.count <= Self.longestValue
            && scope.values.count < Self.mostValues
        {
            scope.values.append(value)
        }
        return scope
    }

    /// Whether one value allows all that another does.
    ///
    /// Registries list the actions of a resource in any order.
    private static func covers(_ value: String, _ other: String) -> Bool {
        func parts(_ value: String) -> (resource: Substring, actions: Set<Substring>) {
            guard let colon = value.lastIndex(of: ":") else { return (value[...], []) }
            return (value[..<colon], Set(value[value.index(after: colon)...].split(separator: ",")))
        }
        let (value, other) = (parts(value), parts(other))
        return value.resource == other.resource && value.actions.isSuperset(of: other.actions)
    }
}
