internal import Synchronization
internal import SystemPackage

extension BuildLog {
    /// Reads a file that another process may still be writing.
    /// - Parameters:
    ///   - follows: Whether to wait for more at the end of the file until `hasEnded` says that nothing will come.
    init(file path: FilePath, follows: Bool, hasEnded: @escaping @Sendable () throws -> Bool) {
        self.init {
            let reader = LogFileReader(path: path)
            return {
                while true {
                    // Asked before reading: what was written before the end is read before the end is told.
                    let isLast = try !follows || hasEnded()
                    let bytes = try reader.read()
                    if !bytes.isEmpty { return bytes }
                    if isLast { return nil }
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
        }
    }
}

/// Reads a file from the beginning, a piece at a time.
private final class LogFileReader: Sendable {
    private let path: FilePath
    private let opened = Mutex<FileDescriptor?>(nil)

    init(path: FilePath) {
        self.path = path
    }

    /// The next bytes; none at the end of the file, or while there is no file yet.
    func read() throws -> [UInt8] {
        guard let file = try openedFile() else { return [] }
        return try [UInt8](unsafeUninitializedCapacity: 32 * 1024) { buffer, count in
            count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    private func openedFile() throws -> FileDescriptor? {
        try opened.withLock { opened in
            if opened == nil {
                do {
                    opened = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
                } catch Errno.noSuchFileOrDirectory {
                    return nil
                }
            }
            return opened
        }
    }

    deinit {
        opened.withLock { opened in try? opened?.close() }
    }
}
