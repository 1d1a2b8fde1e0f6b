import ArgumentParser
import Builds

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Stop a build and free its version.",
        discussion: """
            Example:
              registry-query cancel build-app-example-v1-2-3
            """)

    @Argument(help: "The build's id, as `builds` shows it.") var build: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let id = try BuildID(build)
        try await common.withCore { core in
            let build = try await core.cancel(id)
            try build.show(common.output, people: Present.build)
            // A build that had ended before cannot be cancelled.
            if ["succeeded", "failed"].contains(build.content.status) { throw ExitCode.failure }
        }
    }
}
