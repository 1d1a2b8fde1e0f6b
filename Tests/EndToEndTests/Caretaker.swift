import FoundationEssentials
import RegistryTesting

/// Ends what the tests started, also what outlives its parent on purpose, and also if the tests themselves are killed.
///
/// Build workers and what they run are in sessions of their own. All of them have a `TMPDIR` below the directory of the tests in
/// their environment, and are known by that.
enum Caretaker {
    /// The directory below which every scene has its own.
    static let directory =
        FileManager.default.temporaryDirectory.path
        + "/registry-query-end-to-end-\(ProcessInfo.processInfo.processIdentifier)"

    /// Kills everything whose `TMPDIR` begins with a path, and removes the path.
    static func end(_ path: String) async throws {
        try await command(["bash", "-c", script, "end", path])
    }

    /// Kills everything whose `TMPDIR` begins with a path.
    static func kill(_ path: String) async throws {
        try await command(["bash", "-c", killing, "end", path])
    }

    /// Starts a process that waits for the end of this one and cleans up then.
    static func start() async throws { try await started.value }

    private static let started = Task {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let tests = "\(ProcessInfo.processInfo.processIdentifier)"
        try await command([
            "bash", "-c", #"setsid bash -c "tail --pid=$1 -f /dev/null; $2" end "$3" </dev/null >/dev/null 2>&1 &"#,
            "start", tests, script, directory,
        ])
    }

    private static let script = killing + "\n" + #"rm -rf -- "$1""#

    /// Programs may be between fork and exec, so one round is not enough.
    private static let killing = #"""
        for round in 1 2 3 4 5 6 7 8 9 10; do
            found=
            for environment in /proc/[0-9]*/environ; do
                if { tr "\0" "\n" <"$environment"; } 2>/dev/null | grep -q "^TMPDIR=$1"; then
                    pid=${environment#/proc/}
                    kill -KILL "${pid%/environ}" 2>/dev/null && found=1
                fi
            done
            [ -n "$found" ] || break
            sleep 0.05
        done
        """#
}
