import ArgumentParser
import Builds
import Logging
import RegistryQueryAPI
import ServiceLifecycle
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Answer over HTTP, and look after the builds.",
        discussion: """
            Stops on SIGTERM or SIGINT after finishing what is in flight. GET /openapi.yaml is the contract.

            Examples:
              registry-query serve
              registry-query serve --listen 127.0.0.1:0 --registry-endpoint http://127.0.0.1:5000
            """)

    @OptionGroup(title: "Settings") var common: SettingsOptions

    func run() async throws {
        try await common.withComposition(logging: "info") { composition in
            let settings = composition.settings
            let tokens = try settings.apiTokensFile.map { file in
                do {
                    return try TokenStore(path: file, logger: composition.logger)
                } catch {
                    throw SettingsError(.apiTokensFile, file, "\(error)")
                }
            }
            let access: RegistryQueryAPI.Access
            do {
                access = try RegistryQueryAPI.Access(
                    tokens: tokens, listeningOn: settings.listen.host, allowAnonymous: settings.allowAnonymous)
            } catch let error as InvalidInput {
                throw SettingsError(.listen, settings.listen.description, error.reason)
            }
            composition.logger.info("starting", metadata: composition.summary)
            let api = RegistryQueryAPI(
                versions: composition.versions, builds: composition.builds,
                configuration: RegistryQueryAPI.Configuration(
                    host: settings.listen.host, port: settings.listen.port, access: access),
                logger: composition.logger)
            let services: [any Service] = [Loop { await composition.builds.run(as: .service) }, api]
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: services.map { .init(service: $0) },
                    gracefulShutdownSignals: [.sigterm, .sigint], logger: composition.quietLogger))
            try await group.run()
        }
    }
}

/// Something that goes on for as long as the service runs.
private struct Loop: Service {
    let body: @Sendable () async -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown(body)
    }
}
