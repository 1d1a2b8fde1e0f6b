public import Logging
internal import Synchronization
internal import SystemPackage

/// The tokens that callers may present, from a file that is read again when it has changed.
///
/// The file is opened by its path each time, and its content compared: a Secret that Kubernetes rotates is a new file
/// under the same path, and its time says nothing.
public final class TokenStore: Sendable {
    /// How often the file is looked at, at most.
    static let lookInterval: Duration = .seconds(1)

    private struct State {
        var content: [UInt8]
        var tokens: TokenFile
        var lastLook: Duration
        var lastTrouble: String?
    }

    private let path: String
    private let logger: Logger
    private let now: @Sendable () -> Duration
    private let state: Mutex<State>

    /// Reads the tokens.
    /// - Parameters:
    ///   - path: `API_TOKENS_FILE`, lines of the form `name:scope[,scope]:token`.
    ///   - clock: Measures how long ago the file was looked at.
    /// - Throws: ``TokenFileError`` when the file cannot be read or has a bad line.
    public init<Time: Clock>(
        path: String, logger: Logger, clock: Time = ContinuousClock()
    ) throws(TokenFileError) where Time.Duration == Duration {
        let start = clock.now
        self.path = path
        self.logger = logger
        self.now = { start.duration(to: clock.now) }
        let content = try Self.read(path)
        state = Mutex(State(content: content, tokens: try TokenFile(content, path: path), lastLook: .zero))
    }

    /// Whose token it is, or `nil` for one that nobody has.
    public func caller(presenting token: some Sequence<UInt8>) -> Caller? {
        current().caller(presenting: Array(token))
    }

    /// The tokens that count now: what cannot be used leaves the old ones in force.
    private func current() -> TokenFile {
        let (tokens, report) = state.withLock { state -> (TokenFile, (Logger.Level, Logger.Message, String?)?) in
            let now = now()
            guard now - state.lastLook >= Self.lookInterval else { return (state.tokens, nil) }
            state.lastLook = now
            do {
                let content = try Self.read(path)
                guard content != state.content else {
                    state.lastTrouble = nil
                    return (state.tokens, nil)
                }
                state.tokens = try TokenFile(content, path: path)
                state.content = content
                state.lastTrouble = nil
                return (state.tokens, (.notice, "tokens read again", nil))
            } catch {
                let isNew = state.lastTrouble != "\(error)"
                state.lastTrouble = "\(error)"
                return (
                    state.tokens,
                    isNew ? (.error, "tokens cannot be read again, the old ones stay in force", "\(error)") : nil
                )
            }
        }
        if let (level, message, error) = report {
            logger.log(level: level, message, metadata: error.map { ["error": "\($0)"] })
        }
        return tokens
    }

    private static func read(_ path: String) throws(TokenFileError) -> [UInt8] {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.nonBlocking, .closeOnExec])
            return try file.closeAfter {
                var content: [UInt8] = []
                while content.count <= TokenFile.largestFile {
                    let chunk = try [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, count in
                        count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                    }
                    if chunk.isEmpty { return content }
                    content += chunk
                }
                throw Refusal("the file is larger than \(TokenFile.largestFile) bytes")
            }
        } catch {
            throw TokenFileError(path: path, "cannot be read: \(error)")
        }
    }
}
