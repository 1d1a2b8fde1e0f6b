import FoundationEssentials
import RegistryTesting
import Subprocess
import SystemPackage

/// A run of the program on a terminal of its own.
struct TerminalRun: Sendable {
    /// What is done once a text has come from the program, each after the one before.
    struct Cue: Encodable {
        var after: String
        /// Characters that are typed.
        var type: String?
        var resize: [Int]?
        /// A file that is made.
        var touch: String?
        /// Sent to the program; `SIGCONT` once it has stopped.
        var signal: Int32?
    }

    /// The exit status; the negative number of the signal where one ended it.
    var status: Int?
    /// What the terminal was sent, in order.
    var bytes: String
    /// What went to standard output, where that was no terminal.
    var output: String

    /// Runs a command to its end.
    /// - Parameter piped: Whether standard output is a file instead of the terminal.
    static func run(
        _ arguments: [String], columns: Int = 80, rows: Int = 24, settings: [String: String], piped: Bool = false,
        cues: [Cue] = []
    ) async throws -> TerminalRun {
        let directory = try TemporaryDirectory()
        let play = String(decoding: try JSONEncoder().encode(cues), as: UTF8.self)
        let result = try await Subprocess.run(
            .name("python3"),
            arguments: Arguments(
                ["-c", script, "\(columns)", "\(rows)", play, piped ? directory.path("out") : ""]
                    + [try Program.path] + arguments),
            environment: .custom(
                Program.environment(
                    ["PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "xterm-256color"].merging(settings) { $1 })),
            output: .string(limit: 4 << 20), error: .string(limit: 1 << 20))
        let status = Int(result.standardError.split(whereSeparator: \.isWhitespace).last ?? "")
        guard case .exited(0) = result.terminationStatus, status != nil else {
            throw TestingError("the terminal broke: \(result.standardError) \(result.standardOutput)")
        }
        return TerminalRun(
            status: status, bytes: result.standardOutput, output: piped ? try directory.read("out") : "")
    }

    /// Each picture that the terminal showed, and the one that is left.
    func pictures(columns: Int = 80, rows: Int = 24) -> [Screen] {
        var screen = Screen(columns: columns, rows: rows)
        var all: [Screen] = []
        for frame in bytes.split(separator: "\u{1b}[?25l", omittingEmptySubsequences: false) {
            // What is written before the first picture hides nothing.
            screen.write(all.isEmpty ? String(frame) : "\u{1b}[?25l" + frame)
            all.append(screen)
        }
        return all
    }

    private static let script = """
        import fcntl, json, os, pty, select, signal, struct, sys, termios, time

        columns, rows, cues, out = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]

        def resize(descriptor, columns, rows):
            fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        pid, terminal = pty.fork()
        if pid == 0:
            resize(0, columns, rows)
            if out:
                os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT, 0o600), 1)
            os.execv(sys.argv[5], sys.argv[5:])
        seen, begin, deadline = b"", 0, time.monotonic() + 60
        while True:
            if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                os.kill(pid, signal.SIGKILL)
                sys.stderr.write("nothing more came, waiting for %s\\n" % cues)
                break
            try:
                chunk = os.read(terminal, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk
            while cues and (at := seen.find(cues[0]["after"].encode(), begin)) >= 0:
                cue = cues.pop(0)
                begin = at + len(cue["after"].encode())
                if "resize" in cue:
                    resize(terminal, *cue["resize"])
                if "type" in cue:
                    os.write(terminal, cue["type"].encode())
                if cue.get("signal") == signal.SIGCONT:
                    os.waitpid(pid, os.WUNTRACED)
                if "signal" in cue:
                    os.kill(pid, cue["signal"])
                if "touch" in cue:
                    open(cue["touch"], "w").close()
        status = os.waitpid(pid, 0)[1]
        sys.stdout.buffer.write(seen)
        sys.stdout.flush()
        sys.stderr.write("%d" % os.waitstatus_to_exitcode(status))
        """
}
