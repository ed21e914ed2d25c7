BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE artifact (
	sha256 TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	suffix TEXT NOT NULL, 
	bytes INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_artifact PRIMARY KEY (sha256)
);
INSERT INTO "artifact" VALUES('e3b4d7638f79f3cf7f71c0c74182932d40b7c2ed281c771672096d10f3d766c1','samples','.npz',19464,'e3/e3b4d7638f79f3cf7f71c0c74182932d40b7c2ed281c771672096d10f3d766c1.npz','2026-11-28 11:15:37.774000');
INSERT INTO "artifact" VALUES('915bb873f9e93ee12127d29b32f759687aed11ecc179472233f9a32e5dc44496','tile','.webp',480,'91/915bb873f9e93ee12127d29b32f759687aed11ecc179472233f9a32e5dc44496.webp','2026-11-28 11:15:37.775000');
INSERT INTO "artifact" VALUES('e30b4542c7a8b26f8dd89279043174a2adc76008959e32a5279c96b37734cbfc','tile','.webp',482,'e3/e30b4542c7a8b26f8dd89279043174a2adc76008959e32a5279c96b37734cbfc.webp','2026-11-28 11:15:37.776000');
INSERT INTO "artifact" VALUES('eda60699212fe50503c007074fdb8c34b16ad6196340e61757a7567d4caaa691','tile','.webp',466,'ed/eda60699212fe50503c007074fdb8c34b16ad6196340e61757a7567d4caaa691.webp','2026-11-28 11:15:37.783000');
INSERT INTO "artifact" VALUES('d0c79e1d1168ea96733aa7b5674d4b0fca90769dced691ea1efbfb287307f31c','tile','.webp',470,'d0/d0c79e1d1168ea96733aa7b5674d4b0fca90769dced691ea1efbfb287307f31c.webp','2026-11-28 11:15:37.784000');
INSERT INTO "artifact" VALUES('6f0c5285dcd04ae6d903c647099622a01ad8e48a6110f485f841cc0b14a2eda3','tile','.webp',442,'6f/6f0c5285dcd04ae6d903c647099622a01ad8e48a6110f485f841cc0b14a2eda3.webp','2026-11-28 11:15:37.789000');
INSERT INTO "artifact" VALUES('54eebb673814ee6bdd9bb80d257ee85f0d5f82df657cb869431a7facc0a19cd2','tile','.webp',452,'54/54eebb673814ee6bdd9bb80d257ee85f0d5f82df657cb869431a7facc0a19cd2.webp','2026-11-28 11:15:37.789000');
INSERT INTO "artifact" VALUES('4ac2b45eec6f031942878e2e26bf5ff51312152acea5528e0aea0ec82f3e8515','tile','.webp',436,'4a/4ac2b45eec6f031942878e2e26bf5ff51312152acea5528e0aea0ec82f3e8515.webp','2026-11-28 11:15:37.790000');
INSERT INTO "artifact" VALUES('6544500ba7a0e8ac5fb0b8e42ab618c5aba5819a9b59fad2bb8e4b30f6f1ac43','tile','.webp',438,'65/6544500ba7a0e8ac5fb0b8e42ab618c5aba5819a9b59fad2bb8e4b30f6f1ac43.webp','2026-11-28 11:15:37.790000');
INSERT INTO "artifact" VALUES('3bdfa51bfeed6ded612b3bf3cade6e3f26f84c4f9332efb61424cd1ed8f8cf50','tile','.webp',450,'3b/3bdfa51bfeed6ded612b3bf3cade6e3f26f84c4f9332efb61424cd1ed8f8cf50.webp','2026-11-28 11:15:37.790000');
INSERT INTO "artifact" VALUES('756e130c4c6828116a5c776d4a15921e76163c7c09229ebc94ee57d4c4faf440','tile','.webp',440,'75/756e130c4c6828116a5c776d4a15921e76163c7c09229ebc94ee57d4c4faf440.webp','2026-11-28 11:15:37.791000');
INSERT INTO "artifact" VALUES('9c4f8a1e33c46d782f1214671d3c4c0c02400323d67d53796720ffae63db678a','tile','.webp',452,'9c/9c4f8a1e33c46d782f1214671d3c4c0c02400323d67d53796720ffae63db678a.webp','2026-11-28 11:15:37.791000');
INSERT INTO "artifact" VALUES('87a22a1a2b66f69f271671b913292d8eb9a3ed79e75f034ccc99f346f612ea36','tile','.webp',440,'87/87a22a1a2b66f69f271671b913292d8eb9a3ed79e75f034ccc99f346f612ea36.webp','2026-11-28 11:15:37.791000');
INSERT INTO "artifact" VALUES('7a44ad355f6109f079a6e724f702650021b04d450a78bde0b07fe0dbc50f6386','tile','.webp',434,'7a/7a44ad355f6109f079a6e724f702650021b04d450a78bde0b07fe0dbc50f6386.webp','2026-11-28 11:15:37.792000');
INSERT INTO "artifact" VALUES('a4e45ee2a710863eb00f4fd5c332c734a67be4067da6df9f67736d5d472a8588','tile','.webp',446,'a4/a4e45ee2a710863eb00f4fd5c332c734a67be4067da6df9f67736d5d472a8588.webp','2026-11-28 11:15:37.800000');
INSERT INTO "artifact" VALUES('74007547adfed9dd24fa248add9e838767cef091670ff966874af824a6413202','tile','.webp',442,'74/74007547adfed9dd24fa248add9e838767cef091670ff966874af824a6413202.webp','2026-11-28 11:15:37.800000');
INSERT INTO "artifact" VALUES('523829bc1fff3740da1b57b1c06dbb1d2ad9775130aa8c21efb70c9f08cd4760','tile','.webp',442,'52/523829bc1fff3740da1b57b1c06dbb1d2ad9775130aa8c21efb70c9f08cd4760.webp','2026-11-28 11:15:37.801000');
INSERT INTO "artifact" VALUES('888e5ff2e624a9a2d3131d55a1c6b28267d15c8d951c8e66d069b43fec915e44','power','.npz',5360,'88/888e5ff2e624a9a2d3131d55a1c6b28267d15c8d951c8e66d069b43fec915e44.npz','2026-11-28 11:15:37.803000');
INSERT INTO "artifact" VALUES('8de7d17c442366f83abaf947f6fd523812c5d5fce633d6093751be0149b1c02b','truth','.npz',5204,'8d/8de7d17c442366f83abaf947f6fd523812c5d5fce633d6093751be0149b1c02b.npz','2026-11-28 11:15:37.844000');
CREATE TABLE attempt (
	experiment TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	worker TEXT NOT NULL, 
	host TEXT NOT NULL, 
	device TEXT, 
	pid INTEGER, 
	lease_token TEXT, 
	versions JSON, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	reason TEXT, 
	resumed_epoch INTEGER, 
	resumed_step INTEGER, 
	CONSTRAINT pk_attempt PRIMARY KEY (experiment, number), 
	CONSTRAINT fk_attempt_experiment_experiment FOREIGN KEY(experiment) REFERENCES experiment (id) ON DELETE CASCADE
);
INSERT INTO "attempt" VALUES('fztvawcp',1,'journal','vm','cpu (AMD EPYC)',NULL,NULL,'{"torch": "2.13.0+cpu"}','2026-11-28 11:15:32.773961','2026-11-28 11:15:37.203666','finished',0,0);
INSERT INTO "attempt" VALUES('7awqw34j',1,'host:1','host',NULL,NULL,'d2eb0f0d5e17542e',NULL,'2026-11-28 11:15:38.006000','2026-11-28 11:15:38.031000','failed',NULL,NULL);
CREATE TABLE checkpoint (
	experiment TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	role TEXT NOT NULL, 
	step INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	val_loss FLOAT, 
	path TEXT NOT NULL, 
	bytes INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	written_at DATETIME NOT NULL, 
	CONSTRAINT pk_checkpoint PRIMARY KEY (experiment, attempt, role, step, sha256), 
	CONSTRAINT fk_checkpoint_experiment_experiment FOREIGN KEY(experiment) REFERENCES experiment (id) ON DELETE CASCADE
);
INSERT INTO "checkpoint" VALUES('fztvawcp',1,'last',3,1,5.09914033114910125732e-01,'checkpoints/checkpoint_last.pt',211021,'332592da154e2cea9acb4b8ed40fc38905a6965429f7bffc8cd589a2dd13272c','2026-11-28 11:15:33.137420');
INSERT INTO "checkpoint" VALUES('fztvawcp',1,'best',3,1,5.09914033114910125732e-01,'checkpoints/checkpoint_best.pt',211021,'332592da154e2cea9acb4b8ed40fc38905a6965429f7bffc8cd589a2dd13272c','2026-11-28 11:15:33.137493');
INSERT INTO "checkpoint" VALUES('fztvawcp',1,'last',6,2,4.79653437932332338267e-01,'checkpoints/checkpoint_last.pt',211213,'42f7e7c43343b451d8b28a2b7c824925fe1fd484e8f102f0539368d5563fa162','2026-11-28 11:15:34.457101');
INSERT INTO "checkpoint" VALUES('fztvawcp',1,'best',6,2,4.79653437932332338267e-01,'checkpoints/checkpoint_best.pt',211213,'42f7e7c43343b451d8b28a2b7c824925fe1fd484e8f102f0539368d5563fa162','2026-11-28 11:15:34.457176');
CREATE TABLE dataset (
	name TEXT NOT NULL, 
	path TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	n_maps INTEGER NOT NULL, 
	n_simulations INTEGER NOT NULL, 
	grid INTEGER NOT NULL, 
	box_size FLOAT, 
	unit TEXT, 
	parameter_space JSON NOT NULL, 
	provenance JSON, 
	created_at DATETIME NOT NULL, survey JSON, checked_at DATETIME, 
	CONSTRAINT pk_dataset PRIMARY KEY (name)
);
INSERT INTO "dataset" VALUES('old','/srv/focus/datasets/old','sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',24,12,16,16.0,'(M☉/h)/(Mpc/h)²','{"name": "wcdm6", "parameters": [{"name": "Omega_m", "symbol": "\u03a9m", "html": "\u03a9<sub>m</sub>", "tex": "\\Omega_\\mathrm{m}", "minimum": 0.1, "maximum": 0.5, "scaling": "linear", "unit": ""}, {"name": "Omega_b", "symbol": "\u03a9b", "html": "\u03a9<sub>b</sub>", "tex": "\\Omega_\\mathrm{b}", "minimum": 0.03, "maximum": 0.07, "scaling": "linear", "unit": ""}, {"name": "h", "symbol": "h", "html": "<i>h</i>", "tex": "h", "minimum": 0.5, "maximum": 0.9, "scaling": "linear", "unit": ""}, {"name": "n_s", "symbol": "ns", "html": "<i>n</i><sub>s</sub>", "tex": "n_s", "minimum": 0.8, "maximum": 1.2, "scaling": "linear", "unit": ""}, {"name": "sigma_8", "symbol": "\u03c38", "html": "<i>\u03c3</i><sub>8</sub>", "tex": "\\sigma_8", "minimum": 0.6, "maximum": 1.0, "scaling": "linear", "unit": ""}, {"name": "w0", "symbol": "w0", "html": "<i>w</i><sub>0</sub>", "tex": "w_0", "minimum": -1.3, "maximum": -0.7, "scaling": "linear", "unit": ""}], "fixed": {}}',NULL,'2026-11-28 11:15:37.889000','{"warnings": ["few maps"]}','2026-11-28 11:15:37.889000');
CREATE TABLE event (
	id INTEGER NOT NULL, 
	subject TEXT NOT NULL, 
	time DATETIME NOT NULL, 
	kind TEXT NOT NULL, 
	"before" TEXT, 
	"after" TEXT, 
	message TEXT, 
	who TEXT NOT NULL, 
	CONSTRAINT pk_event PRIMARY KEY (id)
);
INSERT INTO "event" VALUES(1,'fztvawcp','2026-11-28 11:15:37.414000','status',NULL,'succeeded','from /srv/focus/trained','import');
INSERT INTO "event" VALUES(2,'7awqw34j','2026-11-28 11:15:37.912000','status',NULL,'queued',NULL,'person');
INSERT INTO "event" VALUES(3,'a1qdx7zb','2026-11-28 11:15:37.986000','status',NULL,'draft',NULL,'person');
INSERT INTO "event" VALUES(4,'7awqw34j','2026-11-28 11:15:38.007000','status','queued','starting',NULL,'host:1');
INSERT INTO "event" VALUES(5,'7awqw34j','2026-11-28 11:15:38.042000','status','starting','failed','The loss is not finite at step 12.','host:1');
INSERT INTO "event" VALUES(6,'tqc9wr64','2026-11-28 11:15:38.087000','status',NULL,'queued',NULL,'person');
INSERT INTO "event" VALUES(7,'484wkx1e','2026-11-28 11:15:38.123000','status',NULL,'queued',NULL,'person');
CREATE TABLE experiment (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	config JSON NOT NULL, 
	config_digest TEXT NOT NULL, 
	model_digest TEXT NOT NULL, 
	dataset TEXT NOT NULL, 
	recipe TEXT, 
	parent TEXT, 
	after_job TEXT, 
	tags JSON NOT NULL, 
	notes TEXT NOT NULL, 
	desired_state TEXT NOT NULL, 
	archived_at DATETIME, 
	change INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	progressed_at DATETIME, 
	epoch INTEGER NOT NULL, 
	num_epochs INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	steps_per_epoch INTEGER, 
	parameters INTEGER, 
	best_val_loss FLOAT, 
	last_val_loss FLOAT, 
	power_error FLOAT, 
	images_per_second FLOAT, 
	seconds_per_epoch FLOAT, 
	seconds_trained FLOAT NOT NULL, 
	peak_memory_bytes INTEGER, 
	loss_sparkline JSON NOT NULL, 
	thumbnail TEXT, 
	parameter_space JSON, 
	box_size FLOAT, 
	grid INTEGER, 
	unit TEXT, 
	device TEXT, 
	environment JSON, 
	truth_arrays TEXT, 
	log_tail TEXT NOT NULL, 
	journal_offset INTEGER NOT NULL, 
	journal_line INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	message TEXT, 
	priority INTEGER NOT NULL, 
	retries INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	queued_at DATETIME, 
	published_at DATETIME, 
	started_at DATETIME, 
	ended_at DATETIME, 
	lease_token TEXT, 
	lease_owner TEXT, 
	lease_until DATETIME, 
	heartbeat_at DATETIME, 
	CONSTRAINT pk_experiment PRIMARY KEY (id), 
	CONSTRAINT fk_experiment_after_job_job FOREIGN KEY(after_job) REFERENCES job (id), 
	CONSTRAINT fk_experiment_parent_experiment FOREIGN KEY(parent) REFERENCES experiment (id)
);
INSERT INTO "experiment" VALUES('fztvawcp','Begun by an older version, Ωm','{"experiment": {"name": "Begun by an older version, \u03a9m", "description": "", "created": ""}, "data": {"dataset": "old", "train_split": 0.5, "num_workers": 0, "shuffle": true}, "model": {"from": "SimpleUNet", "in_channels": 1, "out_channels": 1, "cond_dim": 6, "base_channels": 8, "channel_mults": [1], "time_dim": 8}, "method": "diffusion", "diffusion": {"timesteps": 50, "beta_start": 0.0001, "beta_end": 0.2, "schedule": "linear", "prediction": "epsilon", "weighting": "none", "min_snr_gamma": 5.0}, "flow_matching": {"sigma_min": 0.0001, "sigma_max": 1.0}, "edm": {"sigma_min": 0.002, "sigma_max": 80.0, "rho": 7.0, "P_mean": -1.2, "P_std": 1.2, "sigma_data": null, "spectral": false}, "training": {"batch_size": 5, "num_epochs": 2, "lr": 0.001, "weight_decay": 0.0001, "cfg_prob": 0.1, "sample_every": 2, "gradient_clip": 1.0, "optimizer": "adamw", "use_augmentation": false, "augmentation": {"rotation_p": 0.5, "flip_p": 0.5}, "scheduler": {"name": "plateau", "factor": 0.3, "patience": 2, "min_lr": 1e-07, "warmup_epochs": 1.0, "T_max": null, "eta_min": 0.0, "step_size": 30, "gamma": 0.1}, "seed": 0, "ema_decay": 0.999, "init_from": null, "devices": 1, "checkpoint_minutes": 10.0, "keep_every": 0, "keep_last": 0, "precision": "auto", "compile": "auto", "deterministic": false, "accumulation": 1, "activation_checkpointing": false}, "sampling": {"method": "ddim", "ddim_timesteps": 4, "num_steps": 50, "spacing": "auto", "tolerance": 0.001, "cfg_scale": 1.0, "eta": 0.0}, "device": "cpu"}','563a60703d03d62491bf93793bb71e41c1d8acff38e6333a602c4284f66b6898','ad81905455aad27983374c1dd347b754da03e59964c5194b2a446ce7503a31f8','old',NULL,NULL,NULL,'["baseline", "\u03a9"]','','run',NULL,5,1,'2026-11-28 11:15:37.663000',2,2,6,3,7753,4.79653437932332338267e-01,4.79653437932332338267e-01,5.74891635849367643729e-01,1.06656929126681291112e+02,1.30427288000646512955e-01,1.64861945200027548708e+00,11190272,'[0.5099140331149101, 0.47965343793233234]','6f0c5285dcd04ae6d903c647099622a01ad8e48a6110f485f841cc0b14a2eda3','{"name": "wcdm6", "parameters": [{"name": "Omega_m", "symbol": "\u03a9m", "html": "\u03a9<sub>m</sub>", "tex": "\\Omega_\\mathrm{m}", "minimum": 0.1, "maximum": 0.5, "scaling": "linear", "unit": ""}, {"name": "Omega_b", "symbol": "\u03a9b", "html": "\u03a9<sub>b</sub>", "tex": "\\Omega_\\mathrm{b}", "minimum": 0.03, "maximum": 0.07, "scaling": "linear", "unit": ""}, {"name": "h", "symbol": "h", "html": "<i>h</i>", "tex": "h", "minimum": 0.5, "maximum": 0.9, "scaling": "linear", "unit": ""}, {"name": "n_s", "symbol": "ns", "html": "<i>n</i><sub>s</sub>", "tex": "n_s", "minimum": 0.8, "maximum": 1.2, "scaling": "linear", "unit": ""}, {"name": "sigma_8", "symbol": "\u03c38", "html": "<i>\u03c3</i><sub>8</sub>", "tex": "\\sigma_8", "minimum": 0.6, "maximum": 1.0, "scaling": "linear", "unit": ""}, {"name": "w0", "symbol": "w0", "html": "<i>w</i><sub>0</sub>", "tex": "w_0", "minimum": -1.3, "maximum": -0.7, "scaling": "linear", "unit": ""}], "fixed": {}}',16.0,16,'(M☉/h)/(Mpc/h)²','cpu (AMD EPYC)','{"started": "2026-11-28T11:15:32+00:00", "host": "vm", "platform": "Linux-6.18.44-fc-v595-x86_64-with-glibc2.36", "python": "3.11.7", "versions": {"focus-lab": "0.1.0", "torch": "2.13.0+cpu", "numpy": "2.4.6", "scipy": "1.17.1", "pydantic": "2.14.3"}, "commit": null, "device": "cpu", "device_name": "AMD EPYC", "cpus": 2, "threads": 1, "command": ["../make_record.py", "../record_9a4787c.sql"], "dataset": {"name": "old", "digest": "sha256:9587287f89cc99154649e16e2314130ec1b9a75e702ee6707dd3f4cb8755a145", "maps_file": "/srv/focus/datasets/old/maps.npy", "params_file": "/srv/focus/datasets/old/params.csv", "provenance": {}, "warnings": [], "parameter_space": {"name": "wcdm6", "parameters": [{"name": "Omega_m", "symbol": "\u03a9m", "html": "\u03a9<sub>m</sub>", "tex": "\\Omega_\\mathrm{m}", "minimum": 0.1, "maximum": 0.5, "scaling": "linear", "unit": ""}, {"name": "Omega_b", "symbol": "\u03a9b", "html": "\u03a9<sub>b</sub>", "tex": "\\Omega_\\mathrm{b}", "minimum": 0.03, "maximum": 0.07, "scaling": "linear", "unit": ""}, {"name": "h", "symbol": "h", "html": "<i>h</i>", "tex": "h", "minimum": 0.5, "maximum": 0.9, "scaling": "linear", "unit": ""}, {"name": "n_s", "symbol": "ns", "html": "<i>n</i><sub>s</sub>", "tex": "n_s", "minimum": 0.8, "maximum": 1.2, "scaling": "linear", "unit": ""}, {"name": "sigma_8", "symbol": "\u03c38", "html": "<i>\u03c3</i><sub>8</sub>", "tex": "\\sigma_8", "minimum": 0.6, "maximum": 1.0, "scaling": "linear", "unit": ""}, {"name": "w0", "symbol": "w0", "html": "<i>w</i><sub>0</sub>", "tex": "w_0", "minimum": -1.3, "maximum": -0.7, "scaling": "linear", "unit": ""}], "fixed": {}}, "grid": 16, "box_size": 16.0, "unit": "(M\u2609/h)/(Mpc/h)\u00b2"}, "init_from": null, "config": {"experiment": {"name": "Begun by an older version, \u03a9m", "description": "", "created": ""}, "data": {"dataset": "old", "train_split": 0.5, "num_workers": 0, "shuffle": true}, "model": {"from": "SimpleUNet", "in_channels": 1, "out_channels": 1, "cond_dim": 6, "base_channels": 8, "channel_mults": [1], "time_dim": 8}, "method": "diffusion", "diffusion": {"timesteps": 50, "beta_start": 0.0001, "beta_end": 0.2, "schedule": "linear", "prediction": "epsilon", "weighting": "none", "min_snr_gamma": 5.0}, "flow_matching": {"sigma_min": 0.0001, "sigma_max": 1.0}, "edm": {"sigma_min": 0.002, "sigma_max": 80.0, "rho": 7.0, "P_mean": -1.2, "P_std": 1.2, "sigma_data": null, "spectral": false}, "training": {"batch_size": 5, "num_epochs": 2, "lr": 0.001, "weight_decay": 0.0001, "cfg_prob": 0.1, "sample_every": 2, "gradient_clip": 1.0, "optimizer": "adamw", "use_augmentation": false, "augmentation": {"rotation_p": 0.5, "flip_p": 0.5}, "scheduler": {"name": "plateau", "factor": 0.3, "patience": 2, "min_lr": 1e-07, "warmup_epochs": 1.0, "T_max": null, "eta_min": 0.0, "step_size": 30, "gamma": 0.1}, "seed": 0, "ema_decay": 0.999, "init_from": null, "devices": 1, "checkpoint_minutes": 10.0, "keep_every": 0, "keep_last": 0, "precision": "auto", "compile": "auto", "deterministic": false, "accumulation": 1, "activation_checkpointing": false}, "sampling": {"method": "ddim", "ddim_timesteps": 4, "num_steps": 50, "spacing": "auto", "tolerance": 0.001, "cfg_scale": 1.0, "eta": 0.0}, "device": "cpu"}, "config_digest": "563a60703d03d62491bf93793bb71e41c1d8acff38e6333a602c4284f66b6898"}','8de7d17c442366f83abaf947f6fd523812c5d5fce633d6093751be0149b1c02b','2026-11-28 11:15:32  started at epoch 0 of 2: 7,753 parameters, 12 training maps of 16², 6 validation maps, on cpu
2026-11-28 11:15:32  computes in fp32 (equal on every processor; below 64 channels bf16 gains little)
2026-11-28 11:15:32  training maps are on the device (0 MB)
2026-11-28 11:15:33  epoch 1/2  train 0.61530  val 0.50991 (best)  lr 1.00e-03  0.3 s
2026-11-28 11:15:34  epoch 2/2  train 0.56059  val 0.47965 (best)  lr 1.00e-03  0.1 s
2026-11-28 11:15:37  samples and P(k) of epoch 2 drawn in 2.4 s
2026-11-28 11:15:37  finished after 2 epochs
',4734,16,'succeeded',NULL,0,0,'2026-11-28 11:15:37.394000',NULL,NULL,'2026-11-28 11:15:32.773961','2026-11-28 11:15:37.203666',NULL,NULL,NULL,NULL);
INSERT INTO "experiment" VALUES('7awqw34j','Begun by an older version, Ωm','{"experiment": {"name": "Begun by an older version, \u03a9m", "description": "", "created": ""}, "data": {"dataset": "old", "train_split": 0.5, "num_workers": 0, "shuffle": true}, "model": {"from": "SimpleUNet", "in_channels": 1, "out_channels": 1, "cond_dim": 6, "base_channels": 8, "channel_mults": [1], "time_dim": 8}, "method": "diffusion", "diffusion": {"timesteps": 50, "beta_start": 0.0001, "beta_end": 0.2, "schedule": "linear", "prediction": "epsilon", "weighting": "none", "min_snr_gamma": 5.0}, "flow_matching": {"sigma_min": 0.0001, "sigma_max": 1.0}, "edm": {"sigma_min": 0.002, "sigma_max": 80.0, "rho": 7.0, "P_mean": -1.2, "P_std": 1.2, "sigma_data": null, "spectral": false}, "training": {"batch_size": 5, "num_epochs": 2, "lr": 0.001, "weight_decay": 0.0001, "cfg_prob": 0.1, "sample_every": 2, "gradient_clip": 1.0, "optimizer": "adamw", "use_augmentation": false, "augmentation": {"rotation_p": 0.5, "flip_p": 0.5}, "scheduler": {"name": "plateau", "factor": 0.3, "patience": 2, "min_lr": 1e-07, "warmup_epochs": 1.0, "T_max": null, "eta_min": 0.0, "step_size": 30, "gamma": 0.1}, "seed": 0, "ema_decay": 0.999, "init_from": null, "devices": 1, "checkpoint_minutes": 10.0, "keep_every": 0, "keep_last": 0, "precision": "auto", "compile": "auto", "deterministic": false, "accumulation": 1, "activation_checkpointing": false}, "sampling": {"method": "ddim", "ddim_timesteps": 4, "num_steps": 50, "spacing": "auto", "tolerance": 0.001, "cfg_scale": 1.0, "eta": 0.0}, "device": "cpu"}','563a60703d03d62491bf93793bb71e41c1d8acff38e6333a602c4284f66b6898','ad81905455aad27983374c1dd347b754da03e59964c5194b2a446ce7503a31f8','old',NULL,'fztvawcp',NULL,'["b"]','','run',NULL,3,1,'2026-11-28 11:15:38.006000',0,2,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0.0,NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'',0,0,'failed','The loss is not finite at step 12.',0,0,'2026-11-28 11:15:37.901000','2026-11-28 11:15:37.901000','2026-11-28 11:15:37.971000','2026-11-28 11:15:38.006000','2026-11-28 11:15:38.031000',NULL,NULL,NULL,'2026-11-28 11:15:38.006000');
INSERT INTO "experiment" VALUES('a1qdx7zb','A draft','{"experiment": {"name": "A draft", "description": "", "created": ""}, "data": {"dataset": "old", "train_split": 0.5, "num_workers": 0, "shuffle": true}, "model": {"from": "SimpleUNet", "in_channels": 1, "out_channels": 1, "cond_dim": 6, "base_channels": 8, "channel_mults": [1], "time_dim": 8}, "method": "diffusion", "diffusion": {"timesteps": 50, "beta_start": 0.0001, "beta_end": 0.2, "schedule": "linear", "prediction": "epsilon", "weighting": "none", "min_snr_gamma": 5.0}, "flow_matching": {"sigma_min": 0.0001, "sigma_max": 1.0}, "edm": {"sigma_min": 0.002, "sigma_max": 80.0, "rho": 7.0, "P_mean": -1.2, "P_std": 1.2, "sigma_data": null, "spectral": false}, "training": {"batch_size": 5, "num_epochs": 2, "lr": 0.001, "weight_decay": 0.0001, "cfg_prob": 0.1, "sample_every": 2, "gradient_clip": 1.0, "optimizer": "adamw", "use_augmentation": false, "augmentation": {"rotation_p": 0.5, "flip_p": 0.5}, "scheduler": {"name": "plateau", "factor": 0.3, "patience": 2, "min_lr": 1e-07, "warmup_epochs": 1.0, "T_max": null, "eta_min": 0.0, "step_size": 30, "gamma": 0.1}, "seed": 0, "ema_decay": 0.999, "init_from": null, "devices": 1, "checkpoint_minutes": 10.0, "keep_every": 0, "keep_last": 0, "precision": "auto", "compile": "auto", "deterministic": false, "accumulation": 1, "activation_checkpointing": false}, "sampling": {"method": "ddim", "ddim_timesteps": 4, "num_steps": 50, "spacing": "auto", "tolerance": 0.001, "cfg_scale": 1.0, "eta": 0.0}, "device": "cpu"}','563a60703d03d62491bf93793bb71e41c1d8acff38e6333a602c4284f66b6898','ad81905455aad27983374c1dd347b754da03e59964c5194b2a446ce7503a31f8','old',NULL,NULL,NULL,'[]','','run',NULL,1,0,NULL,0,2,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0.0,NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'',0,0,'draft',NULL,0,0,'2026-11-28 11:15:37.976000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE experiment_param (
	experiment TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	text TEXT NOT NULL, 
	number FLOAT, 
	CONSTRAINT pk_experiment_param PRIMARY KEY (experiment, "key"), 
	CONSTRAINT fk_experiment_param_experiment_experiment FOREIGN KEY(experiment) REFERENCES experiment (id) ON DELETE CASCADE
);
INSERT INTO "experiment_param" VALUES('fztvawcp','experiment.name','Begun by an older version, Ωm',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','experiment.description','',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','experiment.created','',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','data.dataset','old',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','data.train_split','0.5',0.5);
INSERT INTO "experiment_param" VALUES('fztvawcp','data.num_workers','0',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','data.shuffle','true',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','model.from','SimpleUNet',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','model.in_channels','1',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','model.out_channels','1',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','model.cond_dim','6',6.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','model.base_channels','8',8.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','model.channel_mults','[1]',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','model.time_dim','8',8.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','method','diffusion',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','diffusion.timesteps','50',50.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','diffusion.beta_start','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('fztvawcp','diffusion.beta_end','0.2',0.2);
INSERT INTO "experiment_param" VALUES('fztvawcp','diffusion.schedule','linear',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','diffusion.prediction','epsilon',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','diffusion.weighting','none',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','diffusion.min_snr_gamma','5.0',5.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','flow_matching.sigma_min','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('fztvawcp','flow_matching.sigma_max','1.0',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','edm.sigma_min','0.002',0.002);
INSERT INTO "experiment_param" VALUES('fztvawcp','edm.sigma_max','80.0',80.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','edm.rho','7.0',7.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','edm.P_mean','-1.2',-1.2);
INSERT INTO "experiment_param" VALUES('fztvawcp','edm.P_std','1.2',1.2);
INSERT INTO "experiment_param" VALUES('fztvawcp','edm.sigma_data','null',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','edm.spectral','false',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.batch_size','5',5.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.num_epochs','2',2.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.lr','0.001',0.001);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.weight_decay','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.cfg_prob','0.1',0.1);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.sample_every','2',2.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.gradient_clip','1.0',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.optimizer','adamw',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.use_augmentation','false',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.augmentation.rotation_p','0.5',0.5);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.augmentation.flip_p','0.5',0.5);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.name','plateau',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.factor','0.3',0.3);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.patience','2',2.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.min_lr','1e-07',1.0e-07);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.warmup_epochs','1.0',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.T_max','null',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.eta_min','0.0',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.step_size','30',30.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.scheduler.gamma','0.1',0.1);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.seed','0',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.ema_decay','0.999',0.999);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.init_from','null',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.devices','1',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.checkpoint_minutes','10.0',10.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.keep_every','0',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.keep_last','0',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.precision','auto',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.compile','auto',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.deterministic','false',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.accumulation','1',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','training.activation_checkpointing','false',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','sampling.method','ddim',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','sampling.ddim_timesteps','4',4.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','sampling.num_steps','50',50.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','sampling.spacing','auto',NULL);
INSERT INTO "experiment_param" VALUES('fztvawcp','sampling.tolerance','0.001',0.001);
INSERT INTO "experiment_param" VALUES('fztvawcp','sampling.cfg_scale','1.0',1.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','sampling.eta','0.0',0.0);
INSERT INTO "experiment_param" VALUES('fztvawcp','device','cpu',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','experiment.name','Begun by an older version, Ωm',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','experiment.description','',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','experiment.created','',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','data.dataset','old',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','data.train_split','0.5',0.5);
INSERT INTO "experiment_param" VALUES('7awqw34j','data.num_workers','0',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','data.shuffle','true',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','model.from','SimpleUNet',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','model.in_channels','1',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','model.out_channels','1',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','model.cond_dim','6',6.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','model.base_channels','8',8.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','model.channel_mults','[1]',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','model.time_dim','8',8.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','method','diffusion',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','diffusion.timesteps','50',50.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','diffusion.beta_start','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('7awqw34j','diffusion.beta_end','0.2',0.2);
INSERT INTO "experiment_param" VALUES('7awqw34j','diffusion.schedule','linear',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','diffusion.prediction','epsilon',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','diffusion.weighting','none',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','diffusion.min_snr_gamma','5.0',5.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','flow_matching.sigma_min','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('7awqw34j','flow_matching.sigma_max','1.0',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','edm.sigma_min','0.002',0.002);
INSERT INTO "experiment_param" VALUES('7awqw34j','edm.sigma_max','80.0',80.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','edm.rho','7.0',7.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','edm.P_mean','-1.2',-1.2);
INSERT INTO "experiment_param" VALUES('7awqw34j','edm.P_std','1.2',1.2);
INSERT INTO "experiment_param" VALUES('7awqw34j','edm.sigma_data','null',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','edm.spectral','false',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.batch_size','5',5.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.num_epochs','2',2.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.lr','0.001',0.001);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.weight_decay','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.cfg_prob','0.1',0.1);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.sample_every','2',2.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.gradient_clip','1.0',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.optimizer','adamw',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.use_augmentation','false',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.augmentation.rotation_p','0.5',0.5);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.augmentation.flip_p','0.5',0.5);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.name','plateau',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.factor','0.3',0.3);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.patience','2',2.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.min_lr','1e-07',1.0e-07);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.warmup_epochs','1.0',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.T_max','null',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.eta_min','0.0',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.step_size','30',30.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.scheduler.gamma','0.1',0.1);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.seed','0',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.ema_decay','0.999',0.999);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.init_from','null',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.devices','1',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.checkpoint_minutes','10.0',10.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.keep_every','0',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.keep_last','0',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.precision','auto',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.compile','auto',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.deterministic','false',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.accumulation','1',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','training.activation_checkpointing','false',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','sampling.method','ddim',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','sampling.ddim_timesteps','4',4.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','sampling.num_steps','50',50.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','sampling.spacing','auto',NULL);
INSERT INTO "experiment_param" VALUES('7awqw34j','sampling.tolerance','0.001',0.001);
INSERT INTO "experiment_param" VALUES('7awqw34j','sampling.cfg_scale','1.0',1.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','sampling.eta','0.0',0.0);
INSERT INTO "experiment_param" VALUES('7awqw34j','device','cpu',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','experiment.name','A draft',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','experiment.description','',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','experiment.created','',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','data.dataset','old',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','data.train_split','0.5',0.5);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','data.num_workers','0',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','data.shuffle','true',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','model.from','SimpleUNet',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','model.in_channels','1',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','model.out_channels','1',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','model.cond_dim','6',6.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','model.base_channels','8',8.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','model.channel_mults','[1]',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','model.time_dim','8',8.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','method','diffusion',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','diffusion.timesteps','50',50.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','diffusion.beta_start','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','diffusion.beta_end','0.2',0.2);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','diffusion.schedule','linear',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','diffusion.prediction','epsilon',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','diffusion.weighting','none',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','diffusion.min_snr_gamma','5.0',5.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','flow_matching.sigma_min','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','flow_matching.sigma_max','1.0',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','edm.sigma_min','0.002',0.002);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','edm.sigma_max','80.0',80.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','edm.rho','7.0',7.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','edm.P_mean','-1.2',-1.2);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','edm.P_std','1.2',1.2);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','edm.sigma_data','null',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','edm.spectral','false',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.batch_size','5',5.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.num_epochs','2',2.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.lr','0.001',0.001);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.weight_decay','0.0001',0.0001);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.cfg_prob','0.1',0.1);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.sample_every','2',2.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.gradient_clip','1.0',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.optimizer','adamw',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.use_augmentation','false',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.augmentation.rotation_p','0.5',0.5);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.augmentation.flip_p','0.5',0.5);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.name','plateau',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.factor','0.3',0.3);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.patience','2',2.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.min_lr','1e-07',1.0e-07);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.warmup_epochs','1.0',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.T_max','null',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.eta_min','0.0',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.step_size','30',30.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.scheduler.gamma','0.1',0.1);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.seed','0',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.ema_decay','0.999',0.999);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.init_from','null',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.devices','1',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.checkpoint_minutes','10.0',10.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.keep_every','0',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.keep_last','0',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.precision','auto',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.compile','auto',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.deterministic','false',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.accumulation','1',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','training.activation_checkpointing','false',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','sampling.method','ddim',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','sampling.ddim_timesteps','4',4.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','sampling.num_steps','50',50.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','sampling.spacing','auto',NULL);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','sampling.tolerance','0.001',0.001);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','sampling.cfg_scale','1.0',1.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','sampling.eta','0.0',0.0);
INSERT INTO "experiment_param" VALUES('a1qdx7zb','device','cpu',NULL);
CREATE TABLE figure (
	experiment TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	real_tiles JSON NOT NULL, 
	generated_tiles JSON NOT NULL, 
	ranges JSON NOT NULL, 
	theta JSON NOT NULL, 
	arrays TEXT, 
	unit TEXT, 
	CONSTRAINT pk_figure PRIMARY KEY (experiment, epoch), 
	CONSTRAINT fk_figure_experiment_experiment FOREIGN KEY(experiment) REFERENCES experiment (id) ON DELETE CASCADE
);
INSERT INTO "figure" VALUES('fztvawcp',2,1,6,'["915bb873f9e93ee12127d29b32f759687aed11ecc179472233f9a32e5dc44496", "e30b4542c7a8b26f8dd89279043174a2adc76008959e32a5279c96b37734cbfc", "eda60699212fe50503c007074fdb8c34b16ad6196340e61757a7567d4caaa691", "d0c79e1d1168ea96733aa7b5674d4b0fca90769dced691ea1efbfb287307f31c"]','[["6f0c5285dcd04ae6d903c647099622a01ad8e48a6110f485f841cc0b14a2eda3", "54eebb673814ee6bdd9bb80d257ee85f0d5f82df657cb869431a7facc0a19cd2", "4ac2b45eec6f031942878e2e26bf5ff51312152acea5528e0aea0ec82f3e8515"], ["6544500ba7a0e8ac5fb0b8e42ab618c5aba5819a9b59fad2bb8e4b30f6f1ac43", "3bdfa51bfeed6ded612b3bf3cade6e3f26f84c4f9332efb61424cd1ed8f8cf50", "756e130c4c6828116a5c776d4a15921e76163c7c09229ebc94ee57d4c4faf440"], ["9c4f8a1e33c46d782f1214671d3c4c0c02400323d67d53796720ffae63db678a", "87a22a1a2b66f69f271671b913292d8eb9a3ed79e75f034ccc99f346f612ea36", "7a44ad355f6109f079a6e724f702650021b04d450a78bde0b07fe0dbc50f6386"], ["a4e45ee2a710863eb00f4fd5c332c734a67be4067da6df9f67736d5d472a8588", "74007547adfed9dd24fa248add9e838767cef091670ff966874af824a6413202", "523829bc1fff3740da1b57b1c06dbb1d2ad9775130aa8c21efb70c9f08cd4760"]]','[[10.467001004490728, 11.80505391175011], [10.424633084538701, 11.755898719852745], [10.431199384576475, 11.7730631641494], [10.447938961100338, 11.7730631641494]]','[[0.29433414353271564, 0.06557951337396001, 0.8736174063825, 0.9431180786836281, 0.8286119322919043, -1.1068783653544347], [0.21988475621495393, 0.04690748884790634, 0.5113278684581852, 0.8497133105998256, 0.8682497658774522, -0.9116862930554499], [0.3547846749285818, 0.040791468550554814, 0.5163894095744779, 0.8066110542114117, 0.925308095680109, -0.752346653633367], [0.3547846749285818, 0.040791468550554814, 0.5163894095744779, 0.8066110542114117, 0.925308095680109, -0.752346653633367]]','e3b4d7638f79f3cf7f71c0c74182932d40b7c2ed281c771672096d10f3d766c1','(M☉/h)/(Mpc/h)²');
CREATE TABLE gpu_slot (
	id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	device TEXT NOT NULL, 
	lease_token TEXT, 
	lease_owner TEXT, 
	lease_until DATETIME, 
	CONSTRAINT pk_gpu_slot PRIMARY KEY (id)
);
CREATE TABLE job (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	title TEXT NOT NULL, 
	arguments JSON NOT NULL, 
	cancel BOOLEAN NOT NULL, 
	done INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	message TEXT, 
	priority INTEGER NOT NULL, 
	retries INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	queued_at DATETIME, 
	published_at DATETIME, 
	started_at DATETIME, 
	ended_at DATETIME, 
	lease_token TEXT, 
	lease_owner TEXT, 
	lease_until DATETIME, 
	heartbeat_at DATETIME, 
	CONSTRAINT pk_job PRIMARY KEY (id)
);
INSERT INTO "job" VALUES('484wkx1e','simulate','Simulate suite: 64 × 64³','{"name": "suite", "simulations": 64, "grid": 64, "box": 64.0, "seed": 0, "realisations": 1, "space": "wcdm6"}',0,0,64,'queued',NULL,0,0,'2026-11-28 11:15:38.121000','2026-11-28 11:15:38.121000','2026-11-28 11:15:38.127000',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE metric_point (
	series_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	value FLOAT, 
	kind SMALLINT NOT NULL, 
	CONSTRAINT pk_metric_point PRIMARY KEY (series_id, step), 
	CONSTRAINT fk_metric_point_series_id_metric_series FOREIGN KEY(series_id) REFERENCES metric_series (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "metric_point" VALUES(1,1,7.916584014892578125e-01,0);
INSERT INTO "metric_point" VALUES(1,2,6.29276990890502929687e-01,0);
INSERT INTO "metric_point" VALUES(1,3,1.39441385865211486816e-01,0);
INSERT INTO "metric_point" VALUES(1,4,4.61868107318878173828e-01,0);
INSERT INTO "metric_point" VALUES(1,5,5.80556392669677734375e-01,0);
INSERT INTO "metric_point" VALUES(1,6,7.57466971874237060546e-01,0);
INSERT INTO "metric_point" VALUES(2,1,3.33333333333333322202e-04,0);
INSERT INTO "metric_point" VALUES(2,2,6.66666666666666644404e-04,0);
INSERT INTO "metric_point" VALUES(2,3,0.001,0);
INSERT INTO "metric_point" VALUES(2,4,0.001,0);
INSERT INTO "metric_point" VALUES(2,5,0.001,0);
INSERT INTO "metric_point" VALUES(2,6,0.001,0);
INSERT INTO "metric_point" VALUES(3,1,2.08239269256591796875e+00,0);
INSERT INTO "metric_point" VALUES(3,2,1.78120625019073486328e+00,0);
INSERT INTO "metric_point" VALUES(3,3,3.60848695039749145507e-01,0);
INSERT INTO "metric_point" VALUES(3,4,9.97496128082275390625e-01,0);
INSERT INTO "metric_point" VALUES(3,5,1.22347462177276611328e+00,0);
INSERT INTO "metric_point" VALUES(3,6,1.9080015420913696289e+00,0);
INSERT INTO "metric_point" VALUES(4,3,5.09914033114910125732e-01,0);
INSERT INTO "metric_point" VALUES(4,6,4.79653437932332338267e-01,0);
INSERT INTO "metric_point" VALUES(5,3,6.15296644469102260721e-01,0);
INSERT INTO "metric_point" VALUES(5,6,5.60588036974271175516e-01,0);
INSERT INTO "metric_point" VALUES(6,3,4.26543591588646862087e+01,0);
INSERT INTO "metric_point" VALUES(6,6,1.06656929126681291112e+02,0);
INSERT INTO "metric_point" VALUES(7,3,3.21423705998313380405e-01,0);
INSERT INTO "metric_point" VALUES(7,6,1.30427288000646512955e-01,0);
INSERT INTO "metric_point" VALUES(8,3,3.24705220002215355634e-01,0);
INSERT INTO "metric_point" VALUES(8,6,1.64861945200027548708e+00,0);
INSERT INTO "metric_point" VALUES(9,3,1.0789212600138853304e+02,0);
INSERT INTO "metric_point" VALUES(9,6,3.59817449971160385757e+01,0);
INSERT INTO "metric_point" VALUES(10,3,1.25116867600445402786e+02,0);
INSERT INTO "metric_point" VALUES(10,6,4.74913402002130169421e+01,0);
INSERT INTO "metric_point" VALUES(11,3,1.2899243446023319848e+02,0);
INSERT INTO "metric_point" VALUES(11,6,5.00809991209098370745e+01,0);
INSERT INTO "metric_point" VALUES(12,3,1.67709758216362612298e-03,0);
INSERT INTO "metric_point" VALUES(12,6,4.5622808381738542624e-03,0);
INSERT INTO "metric_point" VALUES(13,3,3.1934688536518528526e-03,0);
INSERT INTO "metric_point" VALUES(13,6,7.98524671121270644691e-03,0);
INSERT INTO "metric_point" VALUES(14,3,35222720.0,0);
INSERT INTO "metric_point" VALUES(14,6,35222720.0,0);
INSERT INTO "metric_point" VALUES(15,3,5353472.0,0);
INSERT INTO "metric_point" VALUES(15,6,11190272.0,0);
INSERT INTO "metric_point" VALUES(16,6,5.74891635849367643729e-01,0);
CREATE TABLE metric_series (
	id INTEGER NOT NULL, 
	experiment TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	split TEXT NOT NULL, 
	CONSTRAINT pk_metric_series PRIMARY KEY (id), 
	CONSTRAINT fk_metric_series_experiment_experiment FOREIGN KEY(experiment) REFERENCES experiment (id) ON DELETE CASCADE, 
	CONSTRAINT uq_metric_series_experiment_attempt_key_split UNIQUE (experiment, attempt, "key", split)
);
INSERT INTO "metric_series" VALUES(1,'fztvawcp',1,'loss','train');
INSERT INTO "metric_series" VALUES(2,'fztvawcp',1,'lr','train');
INSERT INTO "metric_series" VALUES(3,'fztvawcp',1,'grad_norm','train');
INSERT INTO "metric_series" VALUES(4,'fztvawcp',1,'loss','validation');
INSERT INTO "metric_series" VALUES(5,'fztvawcp',1,'epoch_loss','train');
INSERT INTO "metric_series" VALUES(6,'fztvawcp',1,'images_per_second','train');
INSERT INTO "metric_series" VALUES(7,'fztvawcp',1,'seconds','train');
INSERT INTO "metric_series" VALUES(8,'fztvawcp',1,'elapsed','train');
INSERT INTO "metric_series" VALUES(9,'fztvawcp',1,'step_ms_p50','train');
INSERT INTO "metric_series" VALUES(10,'fztvawcp',1,'step_ms_p90','train');
INSERT INTO "metric_series" VALUES(11,'fztvawcp',1,'step_ms_p99','train');
INSERT INTO "metric_series" VALUES(12,'fztvawcp',1,'data_wait_share','train');
INSERT INTO "metric_series" VALUES(13,'fztvawcp',1,'peak_share','train');
INSERT INTO "metric_series" VALUES(14,'fztvawcp',1,'flops_per_step','train');
INSERT INTO "metric_series" VALUES(15,'fztvawcp',1,'peak_memory_bytes','train');
INSERT INTO "metric_series" VALUES(16,'fztvawcp',1,'power_error','train');
CREATE TABLE metric_summary (
	series_id INTEGER NOT NULL, 
	n INTEGER NOT NULL, 
	last_step INTEGER NOT NULL, 
	last_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT pk_metric_summary PRIMARY KEY (series_id), 
	CONSTRAINT fk_metric_summary_series_id_metric_series FOREIGN KEY(series_id) REFERENCES metric_series (id) ON DELETE CASCADE
);
INSERT INTO "metric_summary" VALUES(1,6,6,7.57466971874237060546e-01,1.39441385865211486816e-01,7.916584014892578125e-01);
INSERT INTO "metric_summary" VALUES(2,6,6,0.001,3.33333333333333322202e-04,0.001);
INSERT INTO "metric_summary" VALUES(3,6,6,1.9080015420913696289e+00,3.60848695039749145507e-01,2.08239269256591796875e+00);
INSERT INTO "metric_summary" VALUES(4,2,6,4.79653437932332338267e-01,4.79653437932332338267e-01,5.09914033114910125732e-01);
INSERT INTO "metric_summary" VALUES(5,2,6,5.60588036974271175516e-01,5.60588036974271175516e-01,6.15296644469102260721e-01);
INSERT INTO "metric_summary" VALUES(6,2,6,1.06656929126681291112e+02,4.26543591588646862087e+01,1.06656929126681291112e+02);
INSERT INTO "metric_summary" VALUES(7,2,6,1.30427288000646512955e-01,1.30427288000646512955e-01,3.21423705998313380405e-01);
INSERT INTO "metric_summary" VALUES(8,2,6,1.64861945200027548708e+00,3.24705220002215355634e-01,1.64861945200027548708e+00);
INSERT INTO "metric_summary" VALUES(9,2,6,3.59817449971160385757e+01,3.59817449971160385757e+01,1.0789212600138853304e+02);
INSERT INTO "metric_summary" VALUES(10,2,6,4.74913402002130169421e+01,4.74913402002130169421e+01,1.25116867600445402786e+02);
INSERT INTO "metric_summary" VALUES(11,2,6,5.00809991209098370745e+01,5.00809991209098370745e+01,1.2899243446023319848e+02);
INSERT INTO "metric_summary" VALUES(12,2,6,4.5622808381738542624e-03,1.67709758216362612298e-03,4.5622808381738542624e-03);
INSERT INTO "metric_summary" VALUES(13,2,6,7.98524671121270644691e-03,3.1934688536518528526e-03,7.98524671121270644691e-03);
INSERT INTO "metric_summary" VALUES(14,2,6,35222720.0,35222720.0,35222720.0);
INSERT INTO "metric_summary" VALUES(15,2,6,11190272.0,5353472.0,11190272.0);
INSERT INTO "metric_summary" VALUES(16,1,6,5.74891635849367643729e-01,5.74891635849367643729e-01,5.74891635849367643729e-01);
CREATE TABLE sample_request (
	id TEXT NOT NULL, 
	experiment TEXT NOT NULL, 
	request_digest TEXT NOT NULL, 
	theta JSON NOT NULL, 
	n INTEGER NOT NULL, 
	seed INTEGER NOT NULL, 
	sampler TEXT NOT NULL, 
	steps INTEGER NOT NULL, 
	guidance FLOAT NOT NULL, 
	weights TEXT NOT NULL, 
	checkpoint TEXT NOT NULL, 
	checkpoint_sha256 TEXT, 
	progress FLOAT NOT NULL, 
	tiles JSON NOT NULL, 
	value_low FLOAT, 
	value_high FLOAT, 
	result TEXT, 
	seconds FLOAT, 
	status TEXT NOT NULL, 
	message TEXT, 
	priority INTEGER NOT NULL, 
	retries INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	queued_at DATETIME, 
	published_at DATETIME, 
	started_at DATETIME, 
	ended_at DATETIME, 
	lease_token TEXT, 
	lease_owner TEXT, 
	lease_until DATETIME, 
	heartbeat_at DATETIME, 
	CONSTRAINT pk_sample_request PRIMARY KEY (id), 
	CONSTRAINT fk_sample_request_experiment_experiment FOREIGN KEY(experiment) REFERENCES experiment (id) ON DELETE CASCADE
);
INSERT INTO "sample_request" VALUES('tqc9wr64','fztvawcp','4efeed148fa17558298c7b7b95ef4b749d5b3461602e6635005f0f3995be5b77','[0.3, 0.05, 0.7, 1.0, 0.8, -1.0]',2,5,'ddim',2,1.0,'ema','best','42f7e7c43343b451d8b28a2b7c824925fe1fd484e8f102f0539368d5563fa162',0.0,'[]',NULL,NULL,NULL,NULL,'queued',NULL,0,0,'2026-11-28 11:15:38.083000','2026-11-28 11:15:38.083000','2026-11-28 11:15:38.096000',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE spectrum (
	id INTEGER NOT NULL, 
	experiment TEXT NOT NULL, 
	epoch INTEGER, 
	attempt INTEGER, 
	step INTEGER, 
	sample TEXT, 
	shape JSON NOT NULL, 
	k BLOB NOT NULL, 
	power BLOB NOT NULL, 
	real BLOB, 
	n_modes BLOB, 
	box_size FLOAT, 
	grid INTEGER, 
	unit TEXT NOT NULL, 
	arrays TEXT, 
	power_error FLOAT, 
	power_ratio JSON, 
	bands JSON, 
	CONSTRAINT pk_spectrum PRIMARY KEY (id), 
	CONSTRAINT fk_spectrum_experiment_experiment FOREIGN KEY(experiment) REFERENCES experiment (id) ON DELETE CASCADE, 
	CONSTRAINT fk_spectrum_sample_sample_request FOREIGN KEY(sample) REFERENCES sample_request (id) ON DELETE CASCADE, 
	CONSTRAINT uq_spectrum_experiment_epoch UNIQUE (experiment, epoch), 
	CONSTRAINT uq_spectrum_sample UNIQUE (sample)
);
INSERT INTO "spectrum" VALUES(1,'fztvawcp',2,1,6,NULL,'[4, 3, 8]',X'7079FFC48056DE3F22780777441CEB3F00F3B8130117F33F8B1D3ADB82A3F93F532F38367F2400403A23338C0E250340D558C2F7F42E0640D37C9B6F890E0940',X'2D12E5B0BBB7D13F7D050016E8F4CC3F18F9E3C9F8BDD03F7AA9C36B1E7AD43F4E6C6ABA3E3BD53F121947C9B1E3CD3F9E5A893181CCD03F266D1F43A42AD33F8B165AFFD7A3D73FCEF6BB029356C03F0745035FD3B9C83F4F5FD89D42D8D33F51E691C29A40C23FB8F138AC55E8C93F2877FE6EAF42CE3FE8A30F6C46B2D93FADB4FF1090B7DD3F458ABDEB32C4C63F6C51A79C4BE1C93FD3C3704D0409CD3F8D66BE408B33D33FD5FC4D5A66CFCE3F96A425A6B7A2C93FC1B324B4EACED23F7EFB4328F0A2D33F7CA2E453E3EFDA3F05072D28CF15D53F6F26A729D23ED33F0E57A4A6ECAECF3FBEFB939B1EDCC93FAA2E8D17C371D23FC3AF441388D8CF3F0A2F0A35B581DB3F67E3877962B8CF3F5E77E3FEC049C93F8F24019F4037D63F5B85AD1033A9D33F04A53CEAAFB9D43F3AA885CDB16CC93FC28A77096C21D53FA5B258B8E671D23FB85E873321F8CB3FB5BBF2B70A00D23F9D79F9E1975BD73F1655E32E2C8CD13FF607201BC9C2C63F0B23E596058ED23FED0A2EA8CD8ED73F10FD2FE98497DA3FA7552381DF9CC83FED2E5D2E7584C23FC35FB35C75F2CD3F8B9D7408C480C43FFC3E327040C2D43F2F13CBF9898CD53FE7FB0D1ED8F1C93F4EC19BFD95D1C63FAB417EEE24A1D43FC2C335D2BCD1D23F11CFF5A3813AC83FA82F84D13319D73FC270D3AB3ADDD13F7337800B32F1D83F9884FEBF06E7D23F2D5F02CE56DCC53F65AD1BBB15B0D83FDAD950D5DFE2C63FA09B256018C2CE3FD8F46B7EE41AC43FAEBEDB768947D33F12B12F58C8F6CB3F380F6E68AEA2D33FEBE986926496B73F0FDAE3EB6302D93F40FCDB7F6991E13FD5044002000ECD3FBD9CE856FE41CF3F944697790D34C93F124B2988C970CE3F79D0A3BB9A5DD13FC1A3FF2A4288C93FBA0267B4A1DEC13F517B03A0E38CC63FC918C5518400CE3F198481C74D6ACA3FF220BCF086D5CC3F74E94E0BBA92D03FB7F9B8F7BFFAD73FAC14B45E4A51D13F3BFD22D20A7DD13F508A09C32321D33FBDEBFBA83D57CA3F0D7EEA24C525D33F9AB9F273B705D03F99327D1E752DD43F2D2918357E7BD03F',X'B92F83163616E33F614433AB9786EC3F8DC4C997753EE33F2E4B9D48D8CAE83F55A1A4CA60F1F03F38BD60DB259DF03FD6D53E388F47E43FF87E8C178522EA3FCC98EDFDE6D9E73F67AE1E5F27A2ED3F182EEFFE465FDA3F3695524D376FE63FD1B4E7D2CF2BE13FB9F06996194FE63F5650F5480E9BE63F27A043F7F5EDEE3FA6CC4D50A9A9DD3F0B97F9FAE339E73F73F467380D8FE23FD6E48715E1BEE93FDF541F694BEAE53F6285B56A51E1E73F76353A9A8F7ADF3F584475F0CDB4F13FA6CC4D50A9A9DD3F0B97F9FAE339E73F73F467380D8FE23FD6E48715E1BEE93FDF541F694BEAE53F6285B56A51E1E73F76353A9A8F7ADF3F584475F0CDB4F13F',X'00000000000020400000000000002840000000000000304000000000000040400000000000003C40000000000000444000000000000044400000000000004340',16.0,16,'(Mpc/h)²','888e5ff2e624a9a2d3131d55a1c6b28267d15c8d951c8e66d069b43fec915e44',5.74891635849367643729e-01,'[0.4251083641506323]','[[2, 4]]');
CREATE TABLE worker (
	id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	lane TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	device TEXT NOT NULL, 
	current TEXT, 
	started_at DATETIME NOT NULL, 
	heartbeat_at DATETIME NOT NULL, slot TEXT, message TEXT, memory_used INTEGER, memory_total INTEGER, utilisation FLOAT, 
	CONSTRAINT pk_worker PRIMARY KEY (id)
);
INSERT INTO "worker" VALUES('host:1:train','host','train',1,'a GPU',NULL,'2026-11-28 11:15:38.129000','2026-11-28 11:15:38.129000','GPU-1',NULL,NULL,NULL,NULL);
CREATE INDEX ix_event_subject_id ON event (subject, id);
CREATE INDEX ix_job_status_queued_at ON job (status, queued_at);
CREATE INDEX ix_experiment_config_digest ON experiment (config_digest);
CREATE INDEX ix_experiment_created_at ON experiment (created_at);
CREATE INDEX ix_experiment_dataset ON experiment (dataset);
CREATE INDEX ix_experiment_status_queued_at ON experiment (status, queued_at);
CREATE INDEX ix_experiment_param_key_number ON experiment_param ("key", number);
CREATE INDEX ix_sample_request_experiment_created_at ON sample_request (experiment, created_at);
CREATE INDEX ix_sample_request_request_digest ON sample_request (request_digest);
CREATE INDEX ix_sample_request_status_queued_at ON sample_request (status, queued_at);
COMMIT;
