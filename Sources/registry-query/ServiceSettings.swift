import Builds
import HTTPTransport

/// Which running service to ask, and the token that it wants to see.
struct ServiceSettings: Sendable {
    /// A secret, and where it came from.
    struct Token: Sendable {
        let value: String
        fileprivate let origin: String

        /// What to do when the service does not take it.
        var advice: String { "the token that was sent came from \(origin)" }
        /// What to do when the service wants one.
        static let adviceWithout =
            "set \(variable) to a token, or \(SettingKey.serviceTokenFile.variable) to a file with one"

        /// The one setting that is read from the environment only: arguments can be seen by all, and a file of settings is
        /// shown around.
        static let variable = "REGISTRY_QUERY_TOKEN"
    }

    let url: HTTPURL
    let token: Token?

    /// Reads flags over environment over file; `nil` where no service is named.
    /// - Parameter others: Settings that were given as flags, which a service has of its own.
    static func read(
        _ texts: SettingTexts, flags: [SettingKey: String], others: [SettingKey: String], environment: [String: String]
    ) throws -> ServiceSettings? {
        guard
            let url = try texts.optional(
                .serviceURL,
                { text in
                    let url = try HTTPURL(text)
                    guard url.query == nil else { throw SettingProblem("give the address without a query") }
                    return url
                })
        else {
            if flags[.serviceTokenFile] != nil {
                throw SettingsError("--token-file: names the token of a service, but --server names no service")
            }
            return nil
        }
        if let other = others.keys.map(\.flag).min() {
            throw SettingsError(
                "\(other): does not count where \(url) is asked, which has settings of its own; leave it out")
        }
        return ServiceSettings(
            url: url, token: try token(texts, isFlag: flags[.serviceTokenFile] != nil, environment: environment))
    }

    private static func token(_ texts: SettingTexts, isFlag: Bool, environment: [String: String]) throws -> Token? {
        let key = SettingKey.serviceTokenFile
        if !isFlag, let value = environment[Token.variable], !value.isEmpty {
            guard environment[key.variable] ?? "" == "" else {
                throw SettingsError("\(Token.variable): \(key.variable) is set as well; leave one of them out")
            }
            guard isToken(value) else {
                throw SettingsError(
                    "\(Token.variable): the value is no token; it must have 1 to 8192 visible ASCII characters")
            }
            return Token(value: value, origin: Token.variable)
        }
        guard let path = texts[key] else { return nil }
        let bytes: [UInt8]
        do {
            bytes = try SmallFile.read(path)
        } catch {
            throw SettingsError(key, path, error.description)
        }
        // Editors and `echo` end the line.
        let value = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard value.count == 1, isToken(value[0]) else {
            throw SettingsError(
                key, path, "the file must have one token in it, visible ASCII characters, and nothing else")
        }
        return Token(value: String(value[0]), origin: "\(key.variable)=\(path)")
    }

    private static func isToken(_ text: some StringProtocol) -> Bool {
        (1...8192).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    }
}
