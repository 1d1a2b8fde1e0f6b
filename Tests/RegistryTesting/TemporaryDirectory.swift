import FoundationEssentials
import Glibc

/// A new directory that is removed with everything in it when the last reference to it goes away.
public final class TemporaryDirectory: Sendable {
    /// The absolute path, without a slash at the end.
    public let path: String

    /// Where a directory is made.
    public enum Place: Sendable {
        /// Where temporary files go.
        case disk
        /// In memory if the machine has a place for that: many small files take a tenth of the time, but no program
        /// may run from there.
        case memory

        var path: String {
            self == .memory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : FileManager.default.temporaryDirectory.path
        }
    }

    /// Makes a directory of a new name for this user only.
    public init(_ place: Place = .disk) throws {
        path = "\(place.path)/registry-query-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { remove() }

    /// Removes the directory with everything in it.
    public func remove() {
        // Foundation's way takes many times as long for a registry with ten thousand tags.
        run("/bin/rm", "-rf", "--", path)
    }

    /// The path of something in the directory.
    public func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file in the directory, making the directories above it.
    @discardableResult
    public func write(_ text: String, to name: String, permissions: Int = 0o600) throws -> String {
        try writeFile(Array(text.utf8), path(name), permissions: permissions)
        return path(name)
    }

    /// What a file in the directory contains.
    public func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path(name))), as: UTF8.self)
    }
}

/// Writes a file, making the directories above it.
public func writeFile(_ bytes: [UInt8], _ path: String, permissions: Int = 0o600) throws {
    let url = URL(filePath: path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path)
    if permissions & 0o111 != 0 { try replaceByCopy(path) }
}

/// Has another process write a file again, so that it can be executed at once.
///
/// What this process has open for writing, each process that a test starts meanwhile has open, too, until it executes its
/// program; and who executes the file until then gets `ETXTBSY` (execve(2)).
private func replaceByCopy(_ path: String) throws {
    let written = "\(path).written"
    guard rename(path, written) == 0, run("/bin/cp", "-p", "--", written, path) == 0, unlink(written) == 0 else {
        throw TestingError("\(path) cannot be written by another process")
    }
}

/// The status that a program ended with.
@discardableResult
private func run(_ words: String...) -> CInt {
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in arguments { free(pointer) } }
    var pid: pid_t = 0
    var status: CInt = -1
    guard posix_spawn(&pid, words[0], nil, nil, &arguments, nil) == 0, waitpid(pid, &status, 0) == pid else {
        return -1
    }
    return status
}
