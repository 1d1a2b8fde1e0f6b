import Glibc
import Synchronization

/// A program started by a test; killed when the test is done with it.
final class ChildProcess: Sendable {
    private let id: pid_t
    private let output: Int32
    private let unread = Mutex("")

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Starts a program, found in the search path, with its output and errors readable here.
    init(_ arguments: [String]) throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure(description: "no pipe") }
        output = ends[0]
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        // A connection of another test that this program kept open would never end for its other side.
        closeAllFrom(3, &actions)
        var id = pid_t()
        let words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let result = posix_spawnp(&id, arguments[0], &actions, nil, words, environ)
        guard result == 0 else {
            close(output)
            throw Failure(description: "\(arguments[0]) does not start: \(String(cString: strerror(result)))")
        }
        self.id = id
    }

    deinit {
        kill(id, SIGKILL)
        var status: Int32 = 0
        waitpid(id, &status, 0)
        close(output)
    }

    /// Reads up to and including a line with this beginning; answers the rest of the line.
    func line(after beginning: String) throws -> String {
        var seen = ""
        while let line = readLine() {
            if line.hasPrefix(beginning) { return String(line.dropFirst(beginning.count)) }
            seen += line + "\n"
        }
        throw Failure(description: "no line begins with \(beginning):\n\(seen)")
    }

    /// Waits for the end.
    /// - Throws: ``Failure`` with the output unless the program exits with 0.
    func finish() throws {
        var text = ""
        while let line = readLine() { text += line + "\n" }
        // Left to be reaped at the end, so that the id stays this program's until then.
        var information = siginfo_t()
        guard waitid(P_PID, id_t(id), &information, WEXITED | WNOWAIT) == 0,
            information.si_code == CLD_EXITED, information._sifields._sigchld.si_status == 0
        else { throw Failure(description: "a program failed: \(text)") }
    }

    /// Runs a program to its end.
    static func run(_ arguments: String...) throws { try ChildProcess(arguments).finish() }

    private func readLine() -> String? {
        unread.withLock { unread in
            while true {
                if let end = unread.firstIndex(of: "\n") {
                    defer { unread = String(unread[unread.index(after: end)...]) }
                    return String(unread[..<end])
                }
                var chunk = [UInt8](repeating: 0, count: 4096)
                let count = read(output, &chunk, chunk.count)
                guard count > 0 else { return nil }
                unread += String(decoding: chunk[..<count], as: UTF8.self)
            }
        }
    }
}

/// `posix_spawn_file_actions_addclosefrom_np`, which the C library has and its module does not show.
private func closeAllFrom(_ first: Int32, _ actions: inout posix_spawn_file_actions_t) {
    typealias Function = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    guard let function = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else { return }
    _ = unsafeBitCast(function, to: Function.self)(&actions, first)
}
