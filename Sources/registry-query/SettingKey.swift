/// Every setting there is: its environment variable, what it means, and what it is where nobody says.
///
/// The flag and the key of the configuration file follow from the variable: `REGISTRY_ENDPOINT` is `--registry-endpoint` and
/// `registryEndpoint`. Those of a running service have shorter flags.
enum SettingKey: String, CaseIterable {
    case registry = "REGISTRY"
    case registryEndpoint = "REGISTRY_ENDPOINT"
    case registryCAFile = "REGISTRY_CA_FILE"
    case tokenRealmHosts = "TOKEN_REALM_HOSTS"
    case repositoryPrefix = "REPOSITORY_PREFIX"
    case dockerConfig = "DOCKER_CONFIG"
    case initialVersion = "INITIAL_VERSION"
    case tagsMaxAge = "TAGS_MAX_AGE"
    case tagFilter = "TAG_FILTER"
    case movingTags = "MOVING_TAGS"
    case listen = "LISTEN"
    case apiTokensFile = "API_TOKENS_FILE"
    case allowAnonymous = "ALLOW_ANONYMOUS"
    case builder = "BUILDER"
    case buildNamespace = "BUILD_NAMESPACE"
    case jobTemplate = "JOB_TEMPLATE"
    case buildKitImage = "BUILDKIT_IMAGE"
    case gitImage = "GIT_IMAGE"
    case cachePrefix = "CACHE_PREFIX"
    case kubeconfig = "KUBECONFIG"
    case stateDirectory = "STATE_DIR"
    case buildConcurrency = "BUILD_CONCURRENCY"
    case gitRepoURL = "GIT_REPO_URL"
    case gitBranch = "GIT_BRANCH"
    case logLevel = "LOG_LEVEL"
    case logFormat = "LOG_FORMAT"
    case serviceURL = "REGISTRY_QUERY_URL"
    case serviceTokenFile = "REGISTRY_QUERY_TOKEN_FILE"

    /// The environment variable.
    var variable: String { rawValue }

    /// The flag, without its value.
    var flag: String {
        switch self {
        case .serviceURL: "--server"
        case .serviceTokenFile: "--token-file"
        default: "--" + rawValue.lowercased().replacing("_", with: "-")
        }
    }

    /// The key in the configuration file; the configuration library derives the environment variable from it.
    var fileKey: String {
        let words = rawValue.lowercased().split(separator: "_")
        return words.dropFirst().reduce(String(words[0])) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }
}
