internal import Synchronization
internal import SystemPackage

extension BuildLog {
    /// Reads a file that another process may still be writing.
    ///
    /// The file is opened here if it is there already: it may be moved away before the first byte is asked for.
    /// - Parameters:
    ///   - path: Where the file is now, asked for until there is one.
    ///   - follows: Whether to wait for more at the end of the file until `hasEnded` says that nothing will come.
    init(
        file path: @escaping @Sendable () throws -> FilePath?, follows: Bool,
        hasEnded: @escaping @Sendable () throws -> Bool
    ) throws {
        let file = LogFile(path: path)
        try file.open()
        self.init {
            let position = Mutex<Int64>(0)
            return {
                while true {
                    // Asked before reading: what was written before the end is read before the end is told.
                    let isLast = try !follows || hasEnded()
                    let bytes = try file.read(from: position.withLock { $0 })
                    position.withLock { $0 += Int64(bytes.count) }
                    if !bytes.isEmpty { return bytes }
                    if isLast { return nil }
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
        }
    }
}

/// A log that may not be there yet, and that stays readable once it was opened.
private final class LogFile: Sendable {
    private let path: @Sendable () throws -> FilePath?
    private let opened = Mutex<FileDescriptor?>(nil)

    init(path: @escaping @Sendable () throws -> FilePath?) {
        self.path = path
    }

    /// The next bytes; none at the end of the file, or while there is no file yet.
    func read(from position: Int64) throws -> [UInt8] {
        guard let file = try open() else { return [] }
        return try [UInt8](unsafeUninitializedCapacity: 32 * 1024) { buffer, count in
            count = try file.read(fromAbsoluteOffset: position, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    @discardableResult
    func open() throws -> FileDescriptor? {
        if let file = opened.withLock({ $0 }) { return file }
        guard let path = try path() else { return nil }
        return try opened.withLock { opened in
            do {
                if opened == nil { opened = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec]) }
                return opened
            } catch Errno.noSuchFileOrDirectory {
                return nil
            }
        }
    }

    deinit {
        opened.withLock { opened in try? opened?.close() }
    }
}
