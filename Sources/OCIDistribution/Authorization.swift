/// What a request carries to be let in.
///
/// Neither description nor dump shows it.
struct Authorization: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    enum Kind: Hashable, Sendable {
        case anonymous
        case basic(Credential)
        /// A token of the token server.
        ///
        /// `isNew` if it was fetched for this very request, `scope` what it was asked for.
        case token(String, Credential?, scope: TokenScope, isNew: Bool)
        /// A token that the configuration has for the registry itself.
        case registryToken(Credential)
    }

    var kind: Kind

    /// The value of the `Authorization` field.
    var fieldValue: String? {
        switch kind {
        case .anonymous: nil
        case .basic(let credential): credential.basicAuthorization
        case .token(let token, _, _, _): "Bearer \(token)"
        case .registryToken(let credential): "Bearer \(credential.registryToken)"
        }
    }

    var credential: Credential? {
        switch kind {
        case .anonymous: nil
        case .basic(let credential), .registryToken(let credential): credential
        case .token(_, let credential, _, _): credential
        }
    }

    var isToken: Bool {
        if case .token = kind { true } else { false }
    }

    var description: String {
        switch kind {
        case .anonymous: "no authorization"
        case .basic(let credential): "Basic with the \(credential)"
        case .token(_, let credential, _, _): "token by \(credential?.description ?? "nobody in particular")"
        case .registryToken(let credential): "token of the \(credential)"
        }
    }

    var debugDescription: String { description }

    var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
