internal import FoundationEssentials

/// What a Docker configuration has for one registry: a user with a password, an identity token, a registry token.
///
/// Neither its description nor a dump of it shows a secret.
public struct Credential: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The user name; empty when there are only tokens.
    public let username: String
    /// The password or access token that goes with the user name.
    let password: String
    /// A refresh token for the registry's token server.
    let identityToken: String
    /// A Bearer token for the registry itself.
    let registryToken: String
    /// Where it was found, such as `auths["registry.example.com"] of /etc/docker/config.json`.
    public let source: String

    /// A user with a password.
    public init(username: String, password: String, source: String) {
        self.init(username: username, password: password, identityToken: "", registryToken: "", source: source)
    }

    init(username: String, password: String, identityToken: String, registryToken: String, source: String) {
        self.username = username
        self.password = password
        self.identityToken = identityToken
        self.registryToken = registryToken
        self.source = source
    }

    /// The value of an `Authorization` field for Basic authentication; `nil` without a user name.
    ///
    /// Spec: RFC 7617 section 2.
    var basicAuthorization: String? {
        username.isEmpty ? nil : "Basic " + Data("\(username):\(password)".utf8).base64EncodedString()
    }

    /// Where it was found.
    public var description: String { "credential from \(source)" }

    /// Where it was found.
    public var debugDescription: String { description }

    /// Where it was found, and nothing else.
    public var customMirror: Mirror { Mirror(self, children: ["source": source]) }
}
