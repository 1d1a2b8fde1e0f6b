public import Logging
internal import Synchronization
internal import SystemPackage

/// A small file that is read again when it has changed.
///
/// The file is opened by its path each time, and its content compared: a Secret that Kubernetes rotates is a new file
/// under the same path, and its time says nothing. What cannot be used leaves the old content in force, and is logged
/// once.
public final class WatchedFile<Content: Sendable>: Sendable {
    private struct State {
        var bytes: [UInt8]
        var content: Content
        var lastLook: Duration
        var lastTrouble: String?
    }

    /// How often the file is looked at, at most.
    private let interval: Duration
    private let path: String
    private let name: String
    private let logger: Logger
    private let parse: @Sendable ([UInt8]) throws -> Content
    private let now: @Sendable () -> Duration
    private let state: Mutex<State>

    /// Reads the file for the first time.
    /// - Parameters:
    ///   - name: What it is called in the log, such as `tokens`.
    ///   - interval: How often it is looked at, at most; 1 s by default.
    ///   - clock: Measures how long ago that was.
    ///   - parse: Makes the content; what it throws must not show any of the bytes.
    /// - Throws: What `parse` throws, or a sentence that says why the file cannot be read.
    public init<Time: Clock>(
        path: String, name: String, interval: Duration = .seconds(1), clock: Time = ContinuousClock(), logger: Logger,
        parse: @escaping @Sendable ([UInt8]) throws -> Content
    ) throws where Time.Duration == Duration {
        let start = clock.now
        self.path = path
        self.name = name
        self.interval = interval
        self.logger = logger
        self.parse = parse
        self.now = { start.duration(to: clock.now) }
        let bytes = try SmallFile.read(path)
        state = Mutex(State(bytes: bytes, content: try parse(bytes), lastLook: .zero))
    }

    /// What counts now.
    public var current: Content {
        let (content, report) = state.withLock { state -> (Content, (Logger.Level, Logger.Message, String?)?) in
            let now = now()
            guard now - state.lastLook >= interval else { return (state.content, nil) }
            state.lastLook = now
            do {
                let bytes = try SmallFile.read(path)
                guard bytes != state.bytes else {
                    state.lastTrouble = nil
                    return (state.content, nil)
                }
                state.content = try parse(bytes)
                state.bytes = bytes
                state.lastTrouble = nil
                return (state.content, (.notice, "a file was read again", nil))
            } catch {
                let isNew = state.lastTrouble != "\(error)"
                state.lastTrouble = "\(error)"
                return (
                    state.content,
                    isNew ? (.error, "a file cannot be read again, the old content stays in force", "\(error)") : nil
                )
            }
        }
        if let (level, message, error) = report {
            var metadata: Logger.Metadata = ["file": "\(name)"]
            if let error { metadata["error"] = "\(error)" }
            logger.log(level: level, message, metadata: metadata)
        }
        return content
    }
}

/// Why a small file cannot be read.
public struct SmallFileError: Error, Sendable, CustomStringConvertible {
    /// One sentence; nothing of the file is in it.
    public let description: String
}

/// Files of settings and secrets.
public enum SmallFile {
    /// The most bytes of one.
    public static let largest = 1 << 20

    /// All bytes of a file.
    /// - Throws: ``SmallFileError``
    public static func read(_ path: String) throws(SmallFileError) -> [UInt8] {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.nonBlocking, .closeOnExec])
            return try file.closeAfter {
                var content: [UInt8] = []
                while content.count <= largest {
                    let chunk = try [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, count in
                        count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                    }
                    if chunk.isEmpty { return content }
                    content += chunk
                }
                throw SmallFileError(description: "the file is larger than \(largest) bytes")
            }
        } catch {
            throw SmallFileError(description: "cannot be read: \(error)")
        }
    }
}
