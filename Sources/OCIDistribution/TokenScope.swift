/// What a token is to be good for: the scopes of a request, such as `repository:webapp/app-example:pull`.
///
/// Spec: Distribution, "Token Scope Documentation".
struct TokenScope: Hashable, Sendable {
    /// The scopes, in the order in which they are asked for; none for the registry as a whole.
    private(set) var values: [String]

    private static let mostValues = 8
    private static let longestValue = 1024

    /// To pull from a repository.
    static func pull(_ repository: Repository) -> TokenScope { TokenScope(values: ["repository:\(repository):pull"]) }

    /// To reach the registry at all.
    static let registry = TokenScope(values: [])

    /// These scopes and what a challenge asks for, its `scope` parameter being separated by spaces.
    ///
    /// Some registries want more for a listing than pulling (`metadata_read`), or call the repository by a longer name.
    func adding(challenged text: String?) -> TokenScope {
        var scope = self
        for value in (text ?? "").split(separator: " ").map(String.init)
        where !scope.values.contains(value) && value.utf8.count <= Self.longestValue
            && scope.values.count < Self.mostValues
        {
            scope.values.append(value)
        }
        return scope
    }
}
