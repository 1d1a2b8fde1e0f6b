internal import SystemPackage

/// A file that others replace at any time, read by its path each time.
///
/// Kubernetes swaps a symbolic link above a mounted Secret, which neither a held descriptor nor a watch on the file
/// would see; reading a few kilobytes costs less than being clever about it.
struct ConfigFile: Sendable {
    var path: String

    enum Content: Sendable {
        case missing
        case bytes([UInt8])
        case unreadable(String)
    }

    static let longest = 1 << 20

    func read() -> Content {
        do {
            // Non-blocking, so that a pipe in the file's place cannot hold anybody up.
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.nonBlocking, .closeOnExec])
            return try file.closeAfter {
                var bytes: [UInt8] = []
                while true {
                    let chunk = try [UInt8](unsafeUninitializedCapacity: 16 * 1024) { buffer, count in
                        count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                    }
                    if chunk.isEmpty { return .bytes(bytes) }
                    bytes += chunk
                    guard bytes.count <= Self.longest else {
                        return .unreadable("\(path) is larger than \(Self.longest) bytes")
                    }
                }
            }
        } catch let error as Errno {
            return [.noSuchFileOrDirectory, .notDirectory].contains(error)
                ? .missing : .unreadable("\(path) cannot be read: \(error)")
        } catch {
            return .unreadable("\(path) cannot be read: \(error)")
        }
    }
}
