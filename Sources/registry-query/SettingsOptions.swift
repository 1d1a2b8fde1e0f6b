import ArgumentParser
import Logging

/// The settings as flags.
///
/// None has a default here: a default would win over environment and file.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Read settings from a YAML file with keys such as registryEndpoint.", valueName: "file"),
        completion: .file())
    var config: String?

    @Option(help: ArgumentHelp("Host[:port] of the registry in image references.", valueName: "host"))
    var registry: String?
    @Option(help: ArgumentHelp("URL where the registry's API is reached; default https://REGISTRY.", valueName: "url"))
    var registryEndpoint: String?
    @Option(
        help: ArgumentHelp("PEM file with certificate authorities to trust for the registry.", valueName: "file"),
        completion: .file())
    var registryCaFile: String?
    @Option(help: ArgumentHelp("Hosts, beside the registry's, that its token server may be on.", valueName: "host,..."))
    var tokenRealmHosts: String?
    @Option(
        help: ArgumentHelp("What stands before a webapp's name in its repository; default webapp.", valueName: "prefix")
    )
    var repositoryPrefix: String?
    @Option(
        help: ArgumentHelp("Directory of the Docker config.json; default ~/.docker.", valueName: "directory"),
        completion: .directory)
    var dockerConfig: String?
    @Option(help: ArgumentHelp("Version of the first build; default v1.0.0.", valueName: "version"))
    var initialVersion: String?
    @Option(
        help: ArgumentHelp(
            "How old a listing may be that tags and next answer from; default 5s.", valueName: "duration"))
    var tagsMaxAge: String?
    @Option(help: ArgumentHelp("Regular expression: only matching tags count as versions.", valueName: "regex"))
    var tagFilter: String?
    @Option(
        help: ArgumentHelp(
            "Tags that follow the highest release: latest, major (v1), minor (v1.2); default none.",
            valueName: "kind,..."))
    var movingTags: String?
    @Option(help: ArgumentHelp("Address to listen on; default 127.0.0.1:8080.", valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("File with lines name:scope[,scope]:token.", valueName: "file"), completion: .file())
    var apiTokensFile: String?
    @Option(
        help: ArgumentHelp(
            "Service accounts that may call with a token of the cluster.", valueName: "namespace/name:scope,... ..."))
    var apiServiceAccounts: String?
    @Option(
        help: ArgumentHelp(
            "Audience that tokens of service accounts are made for; default registry-query.", valueName: "name"))
    var apiTokenAudience: String?
    @Option(
        help: ArgumentHelp("Serve an address that is not loopback without tokens; default false.", valueName: "bool"),
        completion: .list(["true", "false"]))
    var allowAnonymous: String?
    @Option(
        help: ArgumentHelp("auto, kubernetes or local; default auto.", valueName: "kind"),
        completion: .list(Settings.BuilderKind.allCases.map(\.rawValue)))
    var builder: String?
    @Option(help: ArgumentHelp("Namespace of the build Jobs; default build-system.", valueName: "namespace"))
    var buildNamespace: String?
    @Option(
        help: ArgumentHelp("YAML file with the template of the build Job; default built in.", valueName: "file"),
        completion: .file())
    var jobTemplate: String?
    @Option(help: ArgumentHelp("Image of BuildKit; default the template's.", valueName: "image"))
    var buildkitImage: String?
    @Option(help: ArgumentHelp("Image of git; default the template's.", valueName: "image"))
    var gitImage: String?
    @Option(
        help: ArgumentHelp(
            "What stands before a webapp's name in the repository of its build cache, or none; default cache.",
            valueName: "prefix"))
    var cachePrefix: String?
    @Option(
        help: ArgumentHelp("Kubeconfig file; default: the in-cluster files, then ~/.kube/config.", valueName: "file"),
        completion: .file())
    var kubeconfig: String?
    @Option(
        help: ArgumentHelp(
            "Directory of the local builds; default ~/.local/state/registry-query.", valueName: "directory"),
        completion: .directory)
    var stateDir: String?
    @Option(help: ArgumentHelp("How many local builds run at once; default 2.", valueName: "number"))
    var buildConcurrency: String?
    @Option(help: ArgumentHelp("Git repository that is built where a request names none.", valueName: "url"))
    var gitRepoUrl: String?
    @Option(help: ArgumentHelp("Branch that is built where a request names none; default main.", valueName: "branch"))
    var gitBranch: String?
    @Option(
        help: ArgumentHelp(
            "Folders that pushes build, such as 'app-*' or 'apps/*'; default *, those that are webapps.",
            valueName: "pattern,..."))
    var webappPaths: String?
    @Option(help: ArgumentHelp("File with the secret of GitHub's webhook.", valueName: "file"), completion: .file())
    var githubWebhookSecretFile: String?
    @Option(
        help: ArgumentHelp(
            "Hosts that callbacks may go to, such as http://n8n.automation.svc.cluster.local; default none.",
            valueName: "host,..."))
    var callbackAllowedHosts: String?
    @Option(
        help: ArgumentHelp("File with the key that callbacks are signed with, whsec_...", valueName: "file"),
        completion: .file())
    var callbackSecretFile: String?
    @Option(
        help: ArgumentHelp("trace, debug, info, notice, warning, error or critical; default info.", valueName: "level"),
        completion: .list(Logger.Level.allCases.map(\.rawValue)))
    var logLevel: String?
    @Option(
        help: ArgumentHelp("text or json; default text.", valueName: "format"),
        completion: .list(Settings.LogFormat.allCases.map(\.rawValue)))
    var logFormat: String?

    /// The settings that were given on the command line.
    var given: [SettingKey: String] {
        var given: [SettingKey: String] = [:]
        for key in SettingKey.allCases { given[key] = self[key] }
        return given
    }

    private subscript(key: SettingKey) -> String? {
        switch key {
        case .registry: registry
        case .registryEndpoint: registryEndpoint
        case .registryCAFile: registryCaFile
        case .tokenRealmHosts: tokenRealmHosts
        case .repositoryPrefix: repositoryPrefix
        case .dockerConfig: dockerConfig
        case .initialVersion: initialVersion
        case .tagsMaxAge: tagsMaxAge
        case .tagFilter: tagFilter
        case .movingTags: movingTags
        case .listen: listen
        case .apiTokensFile: apiTokensFile
        case .apiServiceAccounts: apiServiceAccounts
        case .apiTokenAudience: apiTokenAudience
        case .allowAnonymous: allowAnonymous
        case .builder: builder
        case .buildNamespace: buildNamespace
        case .jobTemplate: jobTemplate
        case .buildKitImage: buildkitImage
        case .gitImage: gitImage
        case .cachePrefix: cachePrefix
        case .kubeconfig: kubeconfig
        case .stateDirectory: stateDir
        case .buildConcurrency: buildConcurrency
        case .gitRepoURL: gitRepoUrl
        case .gitBranch: gitBranch
        case .webappPaths: webappPaths
        case .gitHubWebhookSecretFile: githubWebhookSecretFile
        case .callbackAllowedHosts: callbackAllowedHosts
        case .callbackSecretFile: callbackSecretFile
        case .logLevel: logLevel
        case .logFormat: logFormat
        case .serviceURL, .serviceTokenFile: nil
        }
    }
}
