import ArgumentParser
import Builds
import FoundationEssentials
import Glibc

/// The program.
///
/// Everything is wired here, and only here.
@main
struct RegistryQuery: AsyncParsableCommand {
    /// The version of this program.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "registry-query",
        abstract: "Which version comes next? Asks the registry, reserves it, and has it built.",
        discussion: """
            Every command takes its settings from flags, then from environment variables (--registry-endpoint is \
            REGISTRY_ENDPOINT), then from the file named by --config. Results go to standard output, everything else to \
            standard error. The exit code is 0, 1 for a failure, 64 for a call that cannot be right.

            Examples:
              registry-query tags app-example --range '^1.2'
              registry-query next app-example --bump minor
              registry-query build app-example --wait
              registry-query serve --listen 127.0.0.1:8080
            """,
        version: version,
        subcommands: [
            ServeCommand.self, TagsCommand.self, NextCommand.self, BuildCommand.self, BuildsCommand.self,
            LogsCommand.self,
            CancelCommand.self, HealthcheckCommand.self, WorkCommand.self,
        ])

    static func main() async {
        // libcurl is told not to raise signals, and a reader of our output may go away: both are errors, not the end.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as SettingsError {
            complain(error.description)
            Glibc.exit(ExitCode.validationFailure.rawValue)
        } catch let error as InvalidInput {
            complain(error.description)
            Glibc.exit(ExitCode.validationFailure.rawValue)
        } catch let error as any CustomStringConvertible & Error where !isArgumentParsers(error) {
            complain(error.description)
            Glibc.exit(ExitCode.failure.rawValue)
        } catch {
            exit(withError: error)
        }
    }

    /// Errors that the argument parser knows how to show: wrong calls, `--help`, and exit codes.
    private static func isArgumentParsers(_ error: any Error) -> Bool {
        error is ExitCode || error is CleanExit || error is ValidationError || exitCode(for: error) != .failure
            || String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
    }

    private static func complain(_ message: String) {
        try? FileHandleOutput.standardError.write("registry-query: \(message)\n")
    }
}
