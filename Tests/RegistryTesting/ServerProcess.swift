import FoundationEssentials
import Glibc
import Synchronization

/// A server that runs as long as this value is open, and never longer than the test process.
///
/// A thread of its own starts it and waits for its end: the kernel's "kill me when my parent dies" means the thread
/// that made the process, and threads of a pool come and go.
public final class ServerProcess: Sendable {
    /// The id of the process.
    public let pid: Int32

    private struct State {
        var isReaped = false
        var isJoined = false
        var thread: pthread_t?
    }

    private let directory: TemporaryDirectory
    private let name: String
    private let state: SharedState

    private final class SharedState: Sendable {
        let value = Mutex(State())
    }

    /// Starts a program that is looked up in `PATH`; its output goes to files in the directory.
    public init(
        _ arguments: [String], environment: [String: String] = [:], name: String, in directory: TemporaryDirectory
    ) throws {
        self.directory = directory
        self.name = name
        let state = SharedState()
        self.state = state
        let launch = Launch(
            arguments: ["setpriv", "--pdeathsig", "KILL", "--"] + arguments,
            environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
            output: directory.path("\(name).out"), error: directory.path("\(name).err"),
            reap: { pid in
                // Reaped under the lock: nobody can send a signal to a process id that already belongs to another.
                state.value.withLock { state in
                    waitpid(pid, nil, 0)
                    state.isReaped = true
                }
            })
        let (pid, thread) = try launch.start()
        self.pid = pid
        state.value.withLock { $0.thread = thread }
    }

    deinit { close() }

    /// Ends the server and waits until it is gone.
    ///
    /// It may be called more than once.
    public func close() {
        signal(SIGKILL)
        let thread = state.value.withLock { state -> pthread_t? in
            defer { state.isJoined = true }
            return state.isJoined ? nil : state.thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    /// Sends a signal if the server still runs; comes back from `SIGSTOP` once it has stopped.
    public func signal(_ signal: CInt) {
        state.value.withLock { state in
            guard !state.isReaped else { return }
            kill(pid, signal)
            // Its threads stop one by one, and until then one of them may answer.
            let start = ContinuousClock.now
            while signal == SIGSTOP, !hasStopped, ContinuousClock.now - start < .seconds(60) { usleep(1000) }
        }
    }

    /// Whether each of its threads is stopped or has ended (`T` or `Z` in `/proc/PID/task/TID/stat`, after the name in
    /// parentheses).
    private var hasStopped: Bool {
        let tasks = "/proc/\(pid)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.allSatisfy { thread in
            guard let stat = try? String(contentsOfFile: "\(tasks)/\(thread)/stat", encoding: .utf8) else {
                return true
            }
            let state = stat.split(separator: ") ").last?.first
            return state == "T" || state == "Z"
        }
    }

    /// Whether the server still runs.
    public var isRunning: Bool { state.value.withLock { !$0.isReaped } }

    /// What it has printed so far.
    public var output: String { (try? directory.read("\(name).out")) ?? "" }

    /// What it has complained about so far.
    public var errorOutput: String { (try? directory.read("\(name).err")) ?? "" }

    /// Waits for a line of either output and answers what follows the marker in it, up to the next space or quotation
    /// mark.
    public func word(after marker: String, within limit: Duration = .seconds(120)) async throws -> String {
        let start = ContinuousClock.now
        while true {
            // Found out before the look, so that nothing is missed that was printed last.
            let isLast = !isRunning || ContinuousClock.now - start >= limit
            for text in [output, errorOutput] {
                for line in text.split(separator: "\n").dropLast(text.hasSuffix("\n") ? 0 : 1) {
                    guard let found = line.firstRange(of: marker) else { continue }
                    return String(line[found.upperBound...].prefix { !" \"".contains($0) })
                }
            }
            guard !isLast else {
                throw TestingError(
                    "\(name) did not print \"\(marker)\": \(output.suffix(500)) \(errorOutput.suffix(500))")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// Starts a process on a thread that lives until the process has ended.
private struct Launch: Sendable {
    var arguments: [String]
    var environment: [String: String]
    var output: String
    var error: String
    var reap: @Sendable (pid_t) -> Void

    private final class Handover: Sendable {
        let launch: Launch
        let outcome = Mutex<Result<pid_t, TestingError>?>(nil)

        init(_ launch: Launch) { self.launch = launch }
    }

    func start() throws -> (pid_t, pthread_t) {
        let handover = Handover(self)
        var thread = pthread_t()
        let made = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let handover = Unmanaged<Handover>.fromOpaque(context).takeRetainedValue()
                let outcome = Result { () throws(TestingError) in try handover.launch.spawn() }
                handover.outcome.withLock { $0 = outcome }
                if case .success(let pid) = outcome {
                    var information = siginfo_t()
                    while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
                    handover.launch.reap(pid)
                }
                return nil
            }, Unmanaged.passRetained(handover).toOpaque())
        guard made == 0 else { throw TestingError("no thread can be made: error \(made)") }
        while true {
            if let outcome = handover.outcome.withLock({ $0 }) { return (try outcome.get(), thread) }
            usleep(200)
        }
    }

    private func spawn() throws(TestingError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // Sockets of other tests must not stay open in here.
        for descriptor in CInt(3)..<256 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var environ: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + environ { free(pointer) } }
        var pid: pid_t = 0
        let failed = posix_spawnp(&pid, arguments[0], &actions, nil, &argv, &environ)
        guard failed == 0 else { throw TestingError("\(arguments) cannot be started: error \(failed)") }
        return pid
    }
}
