"""Who may sign in: a Cognito user pool, its groups as tiers and roles, the page as its client, and the sign-in page."""

from aws_cdk import Acknowledgment, CfnOutput, Duration, Environment, Stack, Validations
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from cdk.config import IdentityConfig, StageConfig
from cdk.retention import removal_policy

# As `parley.accounts.model` reads them from the claim `cognito:groups`; the first that a user is in takes precedence.
GROUPS = {
    "admin": "May manage everything.",
    "reviewer": "May review what moderation has flagged.",
    "enterprise": "Tier: enterprise.",
    "pro": "Tier: pro.",
    "free": "Tier: free, which is also the tier of a user in no group.",
}


class IdentityStack(Stack):
    """Users live longer than anything else in the system, so they have a stack of their own."""

    def __init__(self, scope: Construct, name: str, config: StageConfig, env: Environment) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Parley: users, groups and sign-in",
            termination_protection=config.retain_data,
        )
        self.user_pool = _create_user_pool(self, config)
        _create_groups(self, self.user_pool)
        self.page_client = _create_page_client(self.user_pool, config.identity)
        self.domain = _create_sign_in_page(self, self.user_pool, self.page_client, config.identity)
        CfnOutput(self, "Issuer", value=self.issuer, description="OIDC_ISSUER of the authorizer")
        CfnOutput(
            self, "ClientId", value=self.page_client.user_pool_client_id, description="OIDC_AUDIENCE of the authorizer"
        )
        CfnOutput(
            self, "SignInUrl", value=self.domain.base_url(), description="The sign-in page, and where to sign out"
        )

    @property
    def issuer(self) -> str:
        """The exact `iss` of its tokens; the discovery document is below it."""
        return f"https://cognito-idp.{self.region}.{self.url_suffix}/{self.user_pool.user_pool_id}"


def _create_user_pool(stack: Stack, config: StageConfig) -> cognito.UserPool:
    identity = config.identity
    protection = cognito.StandardThreatProtectionMode.FULL_FUNCTION if identity.threat_protection else None
    pool = cognito.UserPool(
        stack,
        "Users",
        sign_in_aliases=cognito.SignInAliases(email=True),
        sign_in_case_sensitive=False,
        self_sign_up_enabled=identity.self_sign_up,
        auto_verify=cognito.AutoVerifiedAttrs(email=True),
        # A changed address counts only once it is confirmed: until then the old one receives the mail.
        keep_original=cognito.KeepOriginalAttrs(email=True),
        standard_attributes=cognito.StandardAttributes(email=cognito.StandardAttribute(required=True, mutable=True)),
        account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
        password_policy=cognito.PasswordPolicy(
            min_length=12,
            require_lowercase=True,
            require_uppercase=True,
            require_digits=True,
            require_symbols=True,
            temp_password_validity=Duration.days(3),
        ),
        mfa=cognito.Mfa.OPTIONAL,
        # A code by SMS can be intercepted and costs by the message.
        mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
        feature_plan=cognito.FeaturePlan.PLUS if identity.threat_protection else cognito.FeaturePlan.ESSENTIALS,
        standard_threat_protection_mode=protection,
        deletion_protection=config.retain_data,
        removal_policy=removal_policy(config),
    )
    _acknowledge(pool, identity)
    return pool


def _create_groups(stack: Stack, pool: cognito.UserPool) -> None:
    for precedence, (name, description) in enumerate(GROUPS.items()):
        cognito.CfnUserPoolGroup(
            stack,
            f"Group{name.title()}",
            user_pool_id=pool.user_pool_id,
            group_name=name,
            description=description,
            precedence=precedence,
        )


def _create_page_client(pool: cognito.UserPool, identity: IdentityConfig) -> cognito.UserPoolClient:
    """A public client: the page has no secret, so PKCE is what proves that who asks for the token began the sign-in."""
    attributes = cognito.ClientAttributes().with_standard_attributes(email=True, fullname=True)
    return pool.add_client(
        "Page",
        generate_secret=False,
        o_auth=cognito.OAuthSettings(
            flows=cognito.OAuthFlows(authorization_code_grant=True),
            scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL, cognito.OAuthScope.PROFILE],
            callback_urls=[f"{origin}/callback" for origin in identity.page_origins],
            logout_urls=[f"{origin}/" for origin in identity.page_origins],
        ),
        # Named, since the default allows the refresh that rotation forbids. The page signs in by the sign-in page anyway.
        auth_flows=cognito.AuthFlow(user_srp=True),
        supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
        read_attributes=attributes.with_standard_attributes(email_verified=True),
        write_attributes=attributes,
        access_token_validity=Duration.minutes(identity.access_token_minutes),
        id_token_validity=Duration.minutes(identity.access_token_minutes),
        refresh_token_validity=Duration.days(identity.refresh_token_days),
        # Each refresh token serves once; within the grace a second tab, or an answer that got lost, may use it again.
        refresh_token_rotation_grace_period=Duration.seconds(60),
        enable_token_revocation=True,
        prevent_user_existence_errors=True,
    )


def _create_sign_in_page(
    stack: Stack, pool: cognito.UserPool, client: cognito.UserPoolClient, identity: IdentityConfig
) -> cognito.UserPoolDomain:
    domain = pool.add_domain(
        "SignIn",
        cognito_domain=cognito.CognitoDomainOptions(domain_prefix=identity.domain_prefix),
        managed_login_version=cognito.ManagedLoginVersion.NEWER_MANAGED_LOGIN,
    )
    # The newer sign-in page does not open for a client without a style, even Cognito's own.
    cognito.CfnManagedLoginBranding(
        stack,
        "SignInStyle",
        user_pool_id=pool.user_pool_id,
        client_id=client.user_pool_client_id,
        use_cognito_provided_values=True,
    )
    return domain


def _acknowledge(pool: cognito.UserPool, identity: IdentityConfig) -> None:
    mfa = "A second factor is each user's choice: a chat assistant for the public must not shut out who has no device for it."
    Validations.of(pool).acknowledge(Acknowledgment(id="AwsSolutions-COG2", reason=mfa))
    if not identity.threat_protection:
        cost = (
            "Threat protection is billed per active user; this stage holds no users whose accounts are worth stealing."
        )
        Validations.of(pool).acknowledge(
            Acknowledgment(id="AwsSolutions-COG3", reason=cost), Acknowledgment(id="AwsSolutions-COG8", reason=cost)
        )
