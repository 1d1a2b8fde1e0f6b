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
    /// What it calls itself where it asks others.
    static let userAgent = "registry-query/\(version)"

    static let configuration = CommandConfiguration(
        commandName: "registry-query",
        abstract: "Which version comes next? Asks the registry, reserves it, and has it built.",
        discussion: """
            Every command takes its settings from flags, then from environment variables (--registry-endpoint is \
            REGISTRY_ENDPOINT), then from the file named by --config; `registry-query serve --help` has them all, and \
            --help-hidden with every other command. Results go to standard output, everything else to \
            standard error. With --server (REGISTRY_QUERY_URL) commands ask a running service. The exit code is 0, 1 for a \
            failure, 64 for a call that cannot be right.

            Examples:
              registry-query tags app-example --range '^1.2'
              registry-query next app-example --bump minor
              registry-query build app-example --wait
              registry-query builds --server https://registry-query.example.com --token-file token
              registry-query serve --listen 127.0.0.1:8080
              registry-query --generate-completion-script bash    (or zsh, fish)
            """,
        version: version,
        subcommands: [
            ServeCommand.self, TagsCommand.self, NextCommand.self, BuildCommand.self, BuildsCommand.self,
            LogsCommand.self, CancelCommand.self, RetryCommand.self, HealthcheckCommand.self, WorkCommand.self,
        ])

    static func main() async {
        // libcurl is told not to raise signals, and a reader of our output may go away: both are errors, not the end.
        signal(SIGPIPE, SIG_IGN)
        do {
            try refuseTokens(in: CommandLine.arguments.dropFirst())
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
        } catch let error as ServiceError where error.isUsage {
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

    /// Refuses what looks like the flag for a token, before anything prints it with an unknown flag.
    private static func refuseTokens(in arguments: ArraySlice<String>) throws(SettingsError) {
        for argument in arguments.prefix(while: { $0 != "--" }) {
            let name = argument.prefix { $0 != "=" }.lowercased()
            guard name == "-token" || name.hasPrefix("--") && name.hasSuffix("token") else { continue }
            throw SettingsError(
                "\(name): a token is not taken from an argument, because everybody on this machine can see the arguments "
                    + "of a program; set \(ServiceSettings.Token.variable), or name a file with --token-file")
        }
    }

    private static func complain(_ message: String) {
        try? FileHandleOutput.standardError.show("registry-query: \(message)\n")
    }
}
