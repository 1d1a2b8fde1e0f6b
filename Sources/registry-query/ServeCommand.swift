import ArgumentParser
import Builds
import KubernetesClient
import Logging
import Metrics
import PrometheusMetrics
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
        try await common.withComposition(logging: "info", callsBack: true) { composition in
            let settings = composition.settings
            var configuration = RegistryQueryAPI.Configuration(
                host: settings.listen.host, port: settings.listen.port, access: try Self.access(composition))
            configuration.callbackTargets = settings.callbackTargets
            configuration.github = try Self.gitHub(composition)
            let metrics = Self.metrics(composition)
            MetricsSystem.bootstrap(metrics)
            configuration.metrics = {
                MetricsText(contentType: PrometheusRegistry.contentType, bytes: metrics.exposition())
            }
            composition.logger.info("starting", metadata: composition.summary)
            let api = RegistryQueryAPI(
                versions: composition.versions, builds: composition.builds, configuration: configuration,
                logger: composition.logger)
            let services: [any Service] = [Loop { await composition.builds.run(as: .service) }, api]
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: services.map { .init(service: $0) },
                    gracefulShutdownSignals: [.sigterm, .sigint], logger: composition.quietLogger))
            try await group.run()
        }
    }

    /// Where everything is counted.
    private static func metrics(_ composition: Composition) -> PrometheusRegistry {
        let metrics = PrometheusRegistry(MetricCatalog.all, logger: composition.logger)
        let information = [("version", RegistryQuery.version), ("builder", composition.builderName)]
        Gauge(label: "registry_query_build_info", dimensions: information, factory: metrics).record(1)
        let process = ProcessFigures()
        metrics.beforeExposition { process.record() }
        if let cluster = composition.cluster { metrics.beforeExposition { cluster.recordMetrics() } }
        return metrics
    }

    /// Who may call.
    private static func access(_ composition: Composition) throws -> RegistryQueryAPI.Access {
        let settings = composition.settings
        let tokens = try settings.apiTokensFile.map { file in
            do {
                return try TokenStore(path: file, logger: composition.logger)
            } catch {
                throw SettingsError(.apiTokensFile, file, "\(error)")
            }
        }
        let accounts = try settings.apiServiceAccounts.map { text in
            do {
                guard let cluster = composition.cluster else {
                    throw SettingProblem("there is no cluster that could say whose a token is: the builder is local")
                }
                return try RegistryQueryAPI.ServiceAccounts(
                    text, audience: settings.apiTokenAudience, logger: composition.logger
                ) { try await cluster.review(token: $0, audiences: $1) }
            } catch let error as InvalidInput {
                let key = SettingKey(rawValue: error.field) ?? .apiServiceAccounts
                throw SettingsError(key, key == .apiTokenAudience ? settings.apiTokenAudience : text, error.reason)
            } catch {
                throw SettingsError(.apiServiceAccounts, text, "\(error)")
            }
        }
        do {
            return try RegistryQueryAPI.Access(
                tokens: tokens, serviceAccounts: accounts, listeningOn: settings.listen.host,
                allowAnonymous: settings.allowAnonymous)
        } catch {
            throw SettingsError(.listen, settings.listen.description, error.reason)
        }
    }

    /// What becomes of GitHub's pushes, if its webhook is set up.
    private static func gitHub(_ composition: Composition) throws -> GitHubWebhook? {
        let settings = composition.settings
        return try settings.gitHubWebhookSecretFile.map { file in
            do {
                return GitHubWebhook(
                    secrets: try GitHubWebhookSecrets(path: file, logger: composition.logger), git: settings.git,
                    paths: settings.webappPaths)
            } catch {
                throw SettingsError(.gitHubWebhookSecretFile, file, "\(error)")
            }
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
