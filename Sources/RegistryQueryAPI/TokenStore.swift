internal import Builds
public import Logging

/// The tokens that callers may present, from a file that is read again when it has changed.
public final class TokenStore: Sendable {
    private let file: WatchedFile<TokenFile>

    /// Reads the tokens.
    /// - Parameters:
    ///   - path: `API_TOKENS_FILE`, lines of the form `name:scope[,scope]:token`.
    ///   - clock: Measures how long ago the file was looked at.
    /// - Throws: ``TokenFileError`` when the file cannot be read or has a bad line.
    public init<Time: Clock>(
        path: String, logger: Logger, clock: Time = ContinuousClock()
    ) throws(TokenFileError) where Time.Duration == Duration {
        do {
            file = try WatchedFile(path: path, name: "API_TOKENS_FILE", clock: clock, logger: logger) {
                try TokenFile($0, path: path)
            }
        } catch {
            throw error as? TokenFileError ?? TokenFileError(path: path, "\(error)")
        }
    }

    /// Whose token it is, or `nil` for one that nobody has.
    public func caller(presenting token: some Sequence<UInt8>) -> Caller? {
        file.current.caller(presenting: Array(token))
    }
}
